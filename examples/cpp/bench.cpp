// Latency of an artifact in this library, and what of it is not the runtime's:
//     bench --artifact MODEL.onnx --image photo.ppm [--runtime onnxruntime] [--warm-up 3]
//           [--iterations 20] [--threads N] [--masks bitmap|crop|rle|probs|polygons|none]
//           [--export-times TIMES.json]
#include "ppm.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <refinemask/refinemask.hpp>

constexpr double kNanosecondsPerMillisecond = 1e6;

std::map<std::string, std::string> readArguments(int count, char** arguments)
{
    std::map<std::string, std::string> options{{"--artifact", ""}, {"--image", ""},
        {"--runtime", "onnxruntime"}, {"--warm-up", "3"}, {"--iterations", "20"},
        {"--threads", "0"}, {"--masks", "bitmap"}, {"--export-times", ""}};
    for (int i = 1; i < count; i += 2)
    {
        if (options.count(arguments[i]) == 0 || i + 1 == count)
        {
            throw std::runtime_error(
                std::string("unknown option, or one without a value: ") + arguments[i]);
        }
        options[arguments[i]] = arguments[i + 1];
    }
    return options;
}

refinemask_mask_format maskFormat(std::string const& name)
{
    std::map<std::string, refinemask_mask_format> const formats{{"bitmap", REFINEMASK_MASKS_BITMAP},
        {"crop", REFINEMASK_MASKS_CROP}, {"rle", REFINEMASK_MASKS_RLE},
        {"probs", REFINEMASK_MASKS_PROBS}, {"polygons", REFINEMASK_MASKS_POLYGONS},
        {"none", REFINEMASK_MASKS_NONE}};
    auto const found = formats.find(name);
    if (found == formats.end())
    {
        throw std::runtime_error(
            "--masks must be bitmap, crop, rle, probs, polygons or none, got " + name);
    }
    return found->second;
}

//! Print percentiles of times in nanoseconds as milliseconds.
void print(char const* phase, std::vector<std::int64_t> times)
{
    std::sort(times.begin(), times.end());
    auto const at = [&times](double share)
    {
        auto const index = static_cast<std::size_t>(share * static_cast<double>(times.size() - 1));
        return static_cast<double>(times[index]) / kNanosecondsPerMillisecond;
    };
    std::printf("%-12s min %9.3f  median %9.3f  p90 %9.3f  p99 %9.3f ms\n", phase, at(0.0), at(0.5),
        at(0.9), at(0.99));
}

//! Write the times in nanoseconds of each iteration, by phase.
void exportTimes(
    std::string const& path, std::map<std::string, std::vector<std::int64_t>> const& measured)
{
    std::ofstream file(path);
    file << '{';
    char const* separator = "";
    for (auto const& [phase, times] : measured)
    {
        file << separator << '"' << phase << "\": [";
        separator = ", ";
        for (std::size_t i = 0; i < times.size(); ++i)
        {
            file << (i == 0 ? "" : ", ") << times[i];
        }
        file << ']';
    }
    file << "}\n";
    if (!file)
    {
        throw std::runtime_error("cannot write " + path);
    }
}

int main(int count, char** arguments)
try
{
    auto const given = readArguments(count, arguments);
    Picture const picture = readPicture(given.at("--image"));
    refinemask::EngineOptions settings;
    settings.runtime = given.at("--runtime");
    settings.threads = std::stoi(given.at("--threads"));
    refinemask::Engine const engine(given.at("--artifact"), settings);
    refinemask_times times{};
    refinemask::PredictOptions options;
    options.masks = maskFormat(given.at("--masks"));
    options.times = &times;
    std::map<std::string, std::vector<std::int64_t>> measured;
    int const warmUp = std::stoi(given.at("--warm-up"));
    int const iterations = std::max(std::stoi(given.at("--iterations")), 1);
    std::size_t objects = 0;
    for (int i = -warmUp; i < iterations; ++i)
    {
        auto const start = std::chrono::steady_clock::now();
        objects = engine.predict({picture.pixels.data(), picture.width, picture.height}, options)
                      .size();
        std::int64_t const total
            = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
        if (i >= 0)
        {
            measured["preprocess"].push_back(times.preprocess);
            measured["inference"].push_back(times.inference);
            measured["postprocess"].push_back(times.postprocess);
            measured["end to end"].push_back(total);
            measured["other"].push_back(
                total - times.preprocess - times.inference - times.postprocess);
        }
    }
    std::cout << engine.runtime() << ", " << picture.width << " x " << picture.height << ", "
              << objects << " objects, masks as " << given.at("--masks") << '\n';
    for (char const* const phase :
        {"preprocess", "inference", "postprocess", "other", "end to end"})
    {
        print(phase, measured[phase]);
    }
    if (!given.at("--export-times").empty())
    {
        exportTimes(given.at("--export-times"), measured);
    }
    return 0;
}
catch (std::exception const& error)
{
    std::cerr << "bench: " << error.what() << '\n';
    return 1;
}
