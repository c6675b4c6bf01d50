// Shows that the fuzzer follows coverage: by chance alone, nobody guesses this word.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    if (size > 0 && data[0] == 'R')
    {
        if (size > 1 && data[1] == 'E')
        {
            if (size > 2 && data[2] == 'F')
            {
                if (size > 3 && data[3] == 'I')
                {
                    if (size > 4 && data[4] == 'N')
                    {
                        if (size > 5 && data[5] == 'E')
                        {
                            std::puts("the word was found");
                            std::exit(0);
                        }
                    }
                }
            }
        }
    }
    return 0;
}
