// Engines in TensorRT, simulated: what a GPU would run, in its order (tests/simulated/).
#include "runtime/engine.h"
#include "runtime/error.h"
#include "tests/check.h"
#include "tests/runtime/simulation.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace
{

using namespace refinemask;
using namespace refinemask::runtime;
using namespace refinemask::test;

//! An image of which the engines find so many objects.
class Picture
{
public:
    explicit Picture(std::uint8_t objects)
        : mPixels(64 * 64 * 3, objects)
    {
    }

    ImageView view() const
    {
        return {mPixels.data(), 64, 64, 64 * 3, PixelFormat::kRGB};
    }

private:
    std::vector<std::uint8_t> mPixels;
};

std::vector<std::int64_t> counts(Engine const& engine, std::vector<std::uint8_t> const& objects,
    Cancellation* cancellation = nullptr,
    std::optional<StopSignal::Clock::time_point> deadline = std::nullopt)
{
    std::vector<Picture> const pictures(objects.begin(), objects.end());
    std::vector<ImageView> views;
    for (Picture const& picture : pictures)
    {
        views.push_back(picture.view());
    }
    StopSignal const stop(cancellation, deadline);
    refinemask_times times{};
    std::vector<std::int64_t> found;
    for (auto const& one :
        engine.predict(views, PredictOptions{REFINEMASK_MASKS_BITMAP, 0.0F, -1, stop, times}))
    {
        found.push_back(one->count);
        for (std::int64_t i = 0; i < one->count; ++i)
        {
            CHECK_EQUAL(one->boxes[4 * i + 3], 4.0F);
            CHECK_EQUAL(one->scores[i], 0.5F);
            // The box is from (1, 2) to (3, 4), and filled.
            CHECK_EQUAL(int{one->bitmaps[i * 64 * 64 + 2 * 64 + 1]}, 1);
            CHECK_EQUAL(int{one->bitmaps[i * 64 * 64]}, 0);
        }
    }
    return found;
}

TEST(enginesOfEveryReleaseRun)
{
    for (Flavoured const& flavour : kFlavours)
    {
        for (char const* words : {"fused", "static", "fused sizes-on-host"})
        {
            Simulation const simulation(flavour);
            Engine const engine = simulation.open(simulation.write(words));
            CHECK_EQUAL(engine.runtime(),
                std::string(
                    flavour.runtime == std::string("tensorrt") ? "TensorRT " : "TensorRT-RTX ")
                    + flavour.version);
            // The profile has batches of two; more objects than before, none, fewer.
            CHECK(counts(engine, {3, 1}) == (std::vector<std::int64_t>{3, 1}));
            CHECK(counts(engine, {0}) == std::vector<std::int64_t>{0});
            CHECK(counts(engine, {1, 5, 0, 2, 4}) == (std::vector<std::int64_t>{1, 5, 0, 2, 4}));
        }
        CHECK_EQUAL(live(), 0);
    }
}

TEST(enginesTakeGivenBoxes)
{
    Simulation const simulation;
    Engine const engine = simulation.open(simulation.write("masks"));
    StopSignal const stop(nullptr, std::nullopt);
    refinemask_times times{};
    PredictOptions const options{REFINEMASK_MASKS_PROBS, 0.0F, -1, stop, times};
    Picture const picture(51);
    float const corners[] = {0, 0, 8, 8, 8, 8, 16, 16};
    std::int64_t const labels[] = {0, 0};
    auto const found = engine.segment(picture.view(), {2, corners, labels, nullptr}, options);
    CHECK_EQUAL(found->count, 2);
    CHECK_EQUAL(found->probs[0], 0.2F);
    CHECK_EQUAL(engine.segment(picture.view(), {0, corners, labels, nullptr}, options)->count, 0);
}

TEST(anEngineIsUsedByManyThreads)
{
    Simulation const simulation;
    {
        Engine const engine = simulation.open(simulation.write("fused"));
        std::atomic<int> wrong{0};
        std::vector<std::thread> threads;
        for (std::uint8_t thread = 0; thread < 8; ++thread)
        {
            threads.emplace_back(
                [&, thread]
                {
                    for (int i = 0; i < 20; ++i)
                    {
                        wrong += counts(engine, {thread}).at(0) == thread ? 0 : 1;
                    }
                });
        }
        for (std::thread& thread : threads)
        {
            thread.join();
        }
        CHECK_EQUAL(wrong.load(), 0);
    }
    CHECK_EQUAL(live(), 0);
}

TEST(memoryMayRunOutAnywhere)
{
    Simulation const simulation;
    std::string const path = simulation.write("fused");
    int failures = 0;
    for (bool isDone = false; !isDone;)
    {
        Engine const engine = simulation.open(path);
        failAfter(failures);
        Error const error = errorOf(
            [&]
            {
                counts(engine, {3});
            });
        failAfter(-1);
        isDone = error.status() == REFINEMASK_OK;
        if (!isDone)
        {
            CHECK_EQUAL(int{error.status()}, int{REFINEMASK_OUT_OF_MEMORY});
            CHECK(contains(error, "out of memory (CUDA_ERROR_OUT_OF_MEMORY)"));
            ++failures;
        }
        CHECK(counts(engine, {2}) == std::vector<std::int64_t>{2}); // the engine is still good
    }
    CHECK_EQUAL(failures, 14); // of 7 inputs and outputs, on the GPU and on the host
    CHECK_EQUAL(live(), 0);
}

TEST(whatTensorRtRefusesIsSaid)
{
    struct Refusal
    {
        char const* words;
        char const* message;
    };
    for (Flavoured const& flavour : kFlavours)
    {
        Simulation const simulation(flavour);
        for (Refusal const& refusal :
            {Refusal{"fused refused", "does not load it (the engine has another magic tag); build"},
                Refusal{"fused no-context", "there is no memory for it on the GPU (out of memory)"},
                Refusal{"fused half", "a tensor has the type 1 of TensorRT"},
                Refusal{"fused static", "it has other inputs or outputs than its record says"},
                Refusal{"fused enqueue-fails",
                    "cannot be run: TensorRT refuses what it was given (the shapes do not fit)"},
                Refusal{"fused no-shapes", "TensorRT gives no shape of its output boxes"}})
        {
            std::string const path = simulation.write(refusal.words);
            CHECK(contains(errorOf(
                               [&]
                               {
                                   counts(simulation.open(path), {1});
                               }),
                refusal.message));
        }
        CHECK_EQUAL(live(), 0);
    }
}

TEST(otherReleasesAndRuntimesAreRefused)
{
    for (Flavoured const& flavour :
        {Flavoured{"tensorrt", "10.9.0.34"}, Flavoured{"tensorrt", "12.0.0.1"},
            Flavoured{"tensorrt_rtx", "1.4.0.76"}, Flavoured{"tensorrt_rtx", "2.0.0.1"}})
    {
        Simulation const simulation(flavour);
        std::string const path = simulation.write("fused");
        Error const error = errorOf(
            [&]
            {
                simulation.open(path);
            });
        CHECK_EQUAL(int{error.status()}, int{REFINEMASK_RUNTIME_MISSING});
        CHECK(contains(error, std::string("has the version ") + flavour.version));
    }
    Simulation const simulation;
    std::string const path = simulation.write("fused");
    CHECK(contains(errorOf(
                       [&]
                       {
                           Engine(path, "tensorrt", BackendOptions{"cuda", "", "", 0});
                       }),
        "it is an engine of TensorRT-RTX; open it with the runtime tensorrt_rtx"));
    CHECK(contains(errorOf(
                       [&]
                       {
                           Engine(path, "onnxruntime", BackendOptions{"cpu", "", "", 0});
                       }),
        "is an engine of TensorRT; open it with the runtime tensorrt or tensorrt_rtx"));
    CHECK(contains(errorOf(
                       [&]
                       {
                           Engine("a.onnx", "tensorrt", BackendOptions{"cuda", "", "", 0});
                       }),
        "build its engine with: refinemask build a.onnx --runtime tensorrt --output a.engine"));
}

TEST(driversAndGpusThatAreMissingAreSaid)
{
    Simulation const simulation;
    std::string const path = simulation.write("fused");
    auto const open = [&](std::string const& device)
    {
        return errorOf(
            [&]
            {
                simulation.open(path, device);
            });
    };
    CHECK(contains(open("cuda:7"), "there is no GPU cuda:7: invalid"));
    CHECK(contains(open("gpu"), "unknown device gpu; choose cuda or cuda:N"));
    CHECK(contains(open("cuda:x"), "unknown device cuda:x"));
    ::setenv("REFINEMASK_CUDA", "/nowhere/libcuda.so.1", 1);
    Error const error = open("cuda");
    CHECK_EQUAL(int{error.status()}, int{REFINEMASK_RUNTIME_MISSING});
    CHECK(contains(error, "the CUDA driver could not be loaded (/nowhere/libcuda.so.1"));
    ::setenv("SIMULATED_NO_GPU", "1", 1);
    std::string const other = simulation.folder() / "libcuda.so.1";
    std::filesystem::create_symlink(SIMULATED_TENSORRT_LIBRARY, other);
    ::setenv("REFINEMASK_CUDA", other.c_str(), 1);
    Error const none = open("cuda");
    ::unsetenv("SIMULATED_NO_GPU");
    CHECK(contains(none, "no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE)"));
}

TEST(pluginsAreLoadedOnceAndNothingIsLogged)
{
    Simulation const simulation;
    int messages = 0;
    refinemask_set_log(
        [](refinemask_log_level, char const*, void* count)
        {
            ++*static_cast<int*>(count);
        },
        &messages, REFINEMASK_LOG_WARNING);
    std::string const path = simulation.write("fused");
    simulation.open(path); // leaves its logger behind
    std::string const plugins = simulation.folder() / "plugins.so";
    writeFile(plugins, "abc");
    writeFile(path + ".json",
        recordOf("fused", "tensorrt_rtx", "1.7.1.116",
            "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""));
    for (int i = 0; i < 2; ++i)
    {
        Engine(path, "tensorrt_rtx", BackendOptions{"cuda", simulation.library(), plugins, 0});
    }
    refinemask_set_log(nullptr, nullptr, REFINEMASK_LOG_ERROR);
    CHECK_EQUAL(find<decltype(simulated_plugin_loads)>("simulated_plugin_loads")(), 1);
    CHECK_EQUAL(messages, 0);
}

TEST(predictionsEndEarly)
{
    Simulation const simulation;
    Engine const engine = simulation.open(simulation.write("fused"));
    Cancellation cancellation;
    cancellation.cancel();
    auto const predict = [&](Cancellation* given, auto deadline)
    {
        return int{errorOf(
            [&]
            {
                counts(engine, {1}, given, deadline);
            }).status()};
    };
    CHECK_EQUAL(predict(&cancellation, std::nullopt), int{REFINEMASK_CANCELLED});
    CHECK_EQUAL(predict(nullptr, StopSignal::Clock::now()), int{REFINEMASK_TIMED_OUT});
    CHECK(counts(engine, {1}) == std::vector<std::int64_t>{1});
}

TEST(kernelsAreKept)
{
    Simulation const simulation;
    std::string const path = simulation.write("fused");
    auto const kept = [&]
    {
        std::vector<std::string> files;
        for (auto const& entry :
            std::filesystem::recursive_directory_iterator(simulation.folder() / "cache"))
        {
            if (entry.is_regular_file())
            {
                std::ifstream stream(entry.path(), std::ios::binary);
                files.emplace_back(
                    std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
                if (files.back() == "damaged")
                {
                    files.back() = "";
                }
            }
        }
        CHECK_EQUAL(files.size(), std::size_t{1});
        return files[0];
    };
    counts(simulation.open(path), {1});
    CHECK_EQUAL(kept().substr(32), "64x64;");
    simulation.open(path); // loads them, and has compiled no others
    CHECK_EQUAL(kept().substr(32), "64x64;");
    for (auto const& entry :
        std::filesystem::recursive_directory_iterator(simulation.folder() / "cache"))
    {
        if (entry.is_regular_file())
        {
            writeFile(entry.path(), std::string(40, 'x'));
        }
    }
    counts(simulation.open(path), {1});
    CHECK_EQUAL(kept().substr(32), "64x64;");
    CHECK_EQUAL(live(), 0);
}

} // namespace
