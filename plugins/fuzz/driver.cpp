// A fuzzer for compilers without libFuzzer, with the same entry point and options:
//
//   fuzz_<target> [-max_total_time=SECONDS] [-runs=COUNT] [-seed=NUMBER] [FILE...]
//
// GCC's -fsanitize-coverage=trace-pc calls us in every basic block. An input that takes an edge
// between two blocks that none has taken before is kept, and later inputs are made of the kept
// ones. Equal seeds and numbers of runs give equal runs. Files are run as they are, to repeat a
// find. The input being run is mapped to the file <program>.input, which a crash leaves behind.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace
{

constexpr std::size_t kMaxInput = 2048;
constexpr std::size_t kEdges = 1 << 16;

//! Which edges were taken, by the hash of their two blocks' addresses.
std::array<std::uint8_t, kEdges> gTaken;
std::array<std::uint8_t, kEdges> gEver;
std::uintptr_t gPreviousBlock;

} // namespace

extern "C" void __sanitizer_cov_trace_pc()
{
    // Relative to code of the program: where it is loaded differs from run to run.
    auto const block = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0))
        - reinterpret_cast<std::uintptr_t>(&LLVMFuzzerTestOneInput);
    std::uintptr_t const mixed = (block ^ block >> 17) * 0x9E3779B97F4A7C15U >> 24;
    gTaken[(mixed ^ gPreviousBlock) % kEdges] = 1;
    gPreviousBlock = mixed >> 1;
}

namespace
{

using Bytes = std::vector<std::uint8_t>;

//! Holds the input of the present run in a file's memory.
class InputFile
{
public:
    explicit InputFile(std::string path)
        : mPath(std::move(path))
    {
        int const file = open(mPath.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (file < 0 || ftruncate(file, kMaxInput) != 0)
        {
            std::perror(mPath.c_str());
            std::exit(1);
        }
        mFile = file;
        mMemory = mmap(nullptr, kMaxInput, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (mMemory == MAP_FAILED)
        {
            std::perror(mPath.c_str());
            std::exit(1);
        }
    }

    InputFile(InputFile const&) = delete;
    InputFile& operator=(InputFile const&) = delete;

    ~InputFile()
    {
        munmap(mMemory, kMaxInput);
        close(mFile);
        unlink(mPath.c_str());
    }

    //! Past the input are zeros, which the targets read as if it went on.
    void set(Bytes const& input)
    {
        std::memset(mMemory, 0, kMaxInput);
        std::memcpy(mMemory, input.data(), input.size());
    }

private:
    std::string mPath;
    int mFile;
    void* mMemory;
};

void runOnce(Bytes const& input)
{
    gTaken.fill(0);
    gPreviousBlock = 0;
    // Exactly as long as the input, so that a read past its end is noticed.
    Bytes const exact(input);
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

//! Note the edges of the last run; return whether one of them is new.
bool addEdges()
{
    constexpr std::size_t kAtOnce = sizeof(std::uint64_t);
    std::uint8_t isNew = 0;
    for (std::size_t first = 0; first < kEdges; first += kAtOnce)
    {
        std::uint64_t some;
        std::memcpy(&some, gTaken.data() + first, kAtOnce);
        for (std::size_t edge = first; some != 0 && edge < first + kAtOnce; ++edge)
        {
            isNew |= gTaken[edge] & ~gEver[edge];
            gEver[edge] |= gTaken[edge];
        }
    }
    return isNew != 0;
}

class Mutator
{
public:
    explicit Mutator(std::uint64_t seed)
        : mRandom(seed)
    {
    }

    std::size_t below(std::size_t end)
    {
        return static_cast<std::size_t>(mRandom() % end);
    }

    //! Change a kept input in a few places.
    Bytes change(std::vector<Bytes> const& corpus)
    {
        // Every second time one of the newest: they reached what the others did not.
        std::size_t const newest = std::min<std::size_t>(corpus.size(), 4);
        std::size_t const from = below(2) == 0 ? newest : corpus.size();
        Bytes input = corpus[corpus.size() - 1 - below(from)];
        for (std::size_t left = std::size_t{1} << below(5); left > 0; --left)
        {
            changeOnce(input, corpus);
        }
        input.resize(std::min(input.size(), kMaxInput));
        return input;
    }

private:
    void changeOnce(Bytes& input, std::vector<Bytes> const& corpus)
    {
        std::size_t const place = below(input.size() + 1);
        auto const at = input.begin() + static_cast<std::ptrdiff_t>(place);
        std::size_t const length = std::min(1 + below(16), input.size() - place);
        switch (below(6))
        {
        case 0: // insert random bytes
            for (std::size_t left = 1 + below(16); left > 0; --left)
            {
                input.insert(input.begin() + static_cast<std::ptrdiff_t>(place), randomByte());
            }
            break;
        case 1: // remove some
            input.erase(at, at + static_cast<std::ptrdiff_t>(length));
            break;
        case 2: // replace some
            std::generate_n(at, length,
                [this]
                {
                    return randomByte();
                });
            break;
        case 3: // flip a bit
            if (length > 0)
            {
                *at ^= static_cast<std::uint8_t>(1U << below(8));
            }
            break;
        case 4: // add or subtract a little
            if (length > 0)
            {
                *at = static_cast<std::uint8_t>(*at + below(9) - 4);
            }
            break;
        default: // go on as another input does
        {
            Bytes const& other = corpus[below(corpus.size())];
            if (place < other.size())
            {
                input.erase(at, input.end());
                input.insert(
                    input.end(), other.begin() + static_cast<std::ptrdiff_t>(place), other.end());
            }
        }
        }
    }

    std::uint8_t randomByte()
    {
        constexpr std::array<std::uint8_t, 6> kSpecial{0, 1, 0x7F, 0x80, 0xFE, 0xFF};
        return below(4) == 0 ? kSpecial[below(kSpecial.size())]
                             : static_cast<std::uint8_t>(mRandom());
    }

    std::mt19937_64 mRandom;
};

struct Options
{
    double seconds = 60;
    std::uint64_t runs = ~std::uint64_t{0};
    std::uint64_t seed = 1;
    std::vector<std::string> files;
};

Options readOptions(int argc, char** argv)
{
    Options options;
    for (int index = 1; index < argc; ++index)
    {
        std::string const argument = argv[index];
        std::string const value = argument.substr(argument.find('=') + 1);
        if (argument.rfind("-max_total_time=", 0) == 0)
        {
            options.seconds = std::strtod(value.c_str(), nullptr);
        }
        else if (argument.rfind("-runs=", 0) == 0)
        {
            options.runs = std::strtoull(value.c_str(), nullptr, 10);
        }
        else if (argument.rfind("-seed=", 0) == 0)
        {
            options.seed = std::strtoull(value.c_str(), nullptr, 10);
        }
        else if (argument.rfind('-', 0) == 0)
        {
            std::fprintf(stderr, "unknown option %s; known are -max_total_time=, -runs=, -seed=\n",
                argument.c_str());
            std::exit(2);
        }
        else
        {
            options.files.push_back(argument);
        }
    }
    return options;
}

int repeat(std::vector<std::string> const& files)
{
    for (std::string const& path : files)
    {
        std::ifstream stream(path, std::ios::binary);
        if (!stream)
        {
            std::fprintf(stderr, "cannot read %s\n", path.c_str());
            return 1;
        }
        runOnce(Bytes(std::istreambuf_iterator<char>(stream), {}));
    }
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    Options const options = readOptions(argc, argv);
    if (!options.files.empty())
    {
        return repeat(options.files);
    }
    InputFile present(std::string(argv[0]) + ".input");
    Mutator mutator(options.seed);
    std::vector<Bytes> corpus{Bytes(256, 0xFF), Bytes(64, 0x55), Bytes(64, 0), Bytes{}};
    std::size_t const seeds = corpus.size();
    using Clock = std::chrono::steady_clock;
    Clock::time_point const end = Clock::now()
        + std::chrono::duration_cast<Clock::duration>(
            std::chrono::duration<double>(options.seconds));
    std::uint64_t executions = 0;
    while (executions < options.runs && Clock::now() < end)
    {
        bool const isSeed = executions < seeds;
        Bytes const input = isSeed ? corpus[executions] : mutator.change(corpus);
        present.set(input);
        runOnce(input);
        ++executions;
        if (addEdges() && !isSeed)
        {
            corpus.push_back(input);
        }
    }
    std::string const program = argv[0];
    std::printf("%s: %llu executions, %lld edges, %zu inputs kept, seed %llu\n",
        program.substr(program.rfind('/') + 1).c_str(), static_cast<unsigned long long>(executions),
        static_cast<long long>(std::count(gEver.begin(), gEver.end(), 1)), corpus.size(),
        static_cast<unsigned long long>(options.seed));
    return 0;
}
