// The test framework, all of it: TEST(name) { CHECK(condition); CHECK_EQUAL(found, expected); }
#pragma once

#include <exception>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace refinemask::test
{

struct Case
{
    char const* name;
    void (*body)();
};

inline std::vector<Case>& cases()
{
    static std::vector<Case> all;
    return all;
}

struct Registration
{
    Registration(char const* name, void (*body)())
    {
        cases().push_back(Case{name, body});
    }
};

//! Ends the test that it is thrown in.
struct Failure
{
    std::string message;
};

template <typename Found, typename Expected>
void checkEqual(Found const& found, Expected const& expected, char const* text, int line)
{
    if (!(found == expected))
    {
        std::cerr << "line " << line << ": " << text << " is " << found << ", not " << expected
                  << '\n';
        throw Failure{text};
    }
}

//! Run the tests whose names contain `filter`; return how many failed.
inline int runAll(std::string const& filter)
{
    int passed = 0;
    int failed = 0;
    for (Case const& test : cases())
    {
        if (std::string(test.name).find(filter) == std::string::npos)
        {
            continue;
        }
        try
        {
            test.body();
            ++passed;
            continue;
        }
        catch (Failure const&)
        {
        }
        catch (std::exception const& error)
        {
            std::cerr << "exception: " << error.what() << '\n';
        }
        std::cerr << "FAILED: " << test.name << '\n';
        ++failed;
    }
    std::cout << passed << " passed, " << failed << " failed\n";
    return failed + (passed == 0 ? 1 : 0);
}

} // namespace refinemask::test

#define TEST(name)                                                                                 \
    static void name();                                                                            \
    static refinemask::test::Registration const name##Registration(#name, name);                   \
    static void name()

#define CHECK(condition) refinemask::test::checkEqual((condition), true, #condition, __LINE__)

#define CHECK_EQUAL(found, expected)                                                               \
    refinemask::test::checkEqual((found), (expected), #found, __LINE__)
