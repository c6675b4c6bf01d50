// The wire format of protobuf, read within bounds and without protobuf's library.
#pragma once

#include <cstdint>
#include <string_view>

namespace refinemask::runtime
{

//! Visits the fields of one message, which it does not own.
//!
//! Implementations differ about what no writer makes: those of the runtimes cut a tag to 32 bits,
//! so that one field can be written as another. What they may read as something else is refused.
class Fields
{
public:
    explicit Fields(std::string_view message)
        : mLeft(message)
    {
    }

    //! Go to the next field; false after the last. Throws std::invalid_argument if this is not
    //! a message.
    bool next();

    std::uint64_t number = 0;
    bool isInteger = false;
    bool hasContent = false;
    std::uint64_t integer = 0; //!< the value, if isInteger
    std::string_view content;  //!< of texts, bytes and messages, if hasContent; or else empty

private:
    std::string_view take(std::uint64_t length);
    std::uint64_t takeInteger(int bits);

    std::string_view mLeft;
};

} // namespace refinemask::runtime
