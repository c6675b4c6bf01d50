// Images in memory of a GPU: the results of the same pixels on the host (tests/simulated/).
#include "tests/check.h"
#include "tests/random.h"
#include "tests/runtime/simulation.h"

#include <cstring>
#include <thread>

namespace
{

using namespace refinemask;
using namespace refinemask::runtime;
using namespace refinemask::test;

//! Our library of CUDA kernels, simulated, in the folder where it is looked for.
class Kernels
{
public:
    explicit Kernels(Simulation const& simulation, std::string const& name = "kernels")
    {
        std::string const folder = simulation.folder() / name;
        std::filesystem::create_directories(folder);
        std::filesystem::create_symlink(
            SIMULATED_TENSORRT_LIBRARY, folder + "/librefinemask_cuda.so");
        ::setenv("REFINEMASK_LIBRARY_DIR", folder.c_str(), 1);
    }

    ~Kernels()
    {
        ::unsetenv("REFINEMASK_LIBRARY_DIR");
    }

    Kernels(Kernels const&) = delete;
    Kernels& operator=(Kernels const&) = delete;
};

//! Random pixels from 1 to `most`, and a copy of them on the GPU.
class TwoCopies
{
public:
    TwoCopies(Gpu const& gpu, Random& random, std::int64_t width, std::int64_t height,
        PixelFormat format, std::int64_t gap, int most = 20)
        : mGpu(gpu)
    {
        Gpu::Scope const scope(gpu);
        mOnGpu.emplace(gpu, Memory::Place::kGpu);
        mOnHost.emplace(gpu, Memory::Place::kHost);
        std::int64_t const stride = width * channelCount(format) + gap;
        auto const size = static_cast<std::size_t>(stride * height - gap);
        auto* const pixels = static_cast<std::uint8_t*>(mOnHost->reserve(size));
        for (std::size_t i = 0; i < size; ++i)
        {
            pixels[i] = static_cast<std::uint8_t>(random.integer(1, most));
        }
        auto* const copy = static_cast<std::uint8_t*>(mOnGpu->reserve(size));
        Stream const stream(gpu);
        stream.upload(copy, pixels, size);
        stream.wait("copying");
        mViews[REFINEMASK_MEMORY_HOST] = {pixels, width, height, stride, format};
        mViews[REFINEMASK_MEMORY_GPU] = {copy, width, height, stride, format};
    }

    ~TwoCopies()
    {
        Gpu::Scope const scope(mGpu);
        mOnGpu.reset();
        mOnHost.reset();
    }

    TwoCopies(TwoCopies const&) = delete;
    TwoCopies& operator=(TwoCopies const&) = delete;

    ImageView const& view(refinemask_memory memory) const
    {
        return mViews[memory];
    }

private:
    Gpu const& mGpu;
    std::optional<Memory> mOnGpu;
    std::optional<Memory> mOnHost;
    ImageView mViews[2];
};

using Images = std::vector<std::unique_ptr<TwoCopies>>;
using Found = std::vector<Owned<refinemask_detections>>;

Found predict(Engine const& engine, Images const& images, refinemask_memory memory,
    refinemask_mask_format masks = REFINEMASK_MASKS_BITMAP)
{
    std::vector<ImageView> views;
    for (auto const& image : images)
    {
        views.push_back(image->view(memory));
    }
    StopSignal const stop(nullptr, std::nullopt);
    refinemask_times times{};
    return engine.predict(views, PredictOptions{masks, 0.0F, -1, stop, times, memory});
}

//! Compare what both copies give; scores of the engine are made of all bytes of a batch.
void checkSame(Engine const& engine, Images const& images)
{
    Found const expected = predict(engine, images, REFINEMASK_MEMORY_HOST);
    Found const found = predict(engine, images, REFINEMASK_MEMORY_GPU);
    for (std::size_t i = 0; i < images.size(); ++i)
    {
        CHECK_EQUAL(found[i]->count, expected[i]->count);
        CHECK(found[i]->count > 0);
        auto const count = static_cast<std::size_t>(found[i]->count);
        auto const area = static_cast<std::size_t>(found[i]->image_width * found[i]->image_height);
        CHECK(std::equal(found[i]->scores, found[i]->scores + count, expected[i]->scores));
        CHECK(std::equal(found[i]->boxes, found[i]->boxes + 4 * count, expected[i]->boxes));
        CHECK(
            std::equal(found[i]->bitmaps, found[i]->bitmaps + count * area, expected[i]->bitmaps));
    }
}

Images randomImages(Gpu const& gpu, Random& random, int count)
{
    Images images;
    for (int i = 0; i < count; ++i)
    {
        images.push_back(
            std::make_unique<TwoCopies>(gpu, random, random.integer(1, 150), random.integer(1, 150),
                static_cast<PixelFormat>(random.integer(0, 4)), random.integer(0, 2) * 7));
    }
    return images;
}

TEST(imagesOnTheGpuGiveWhatThoseOfTheHostGive)
{
    for (Flavoured const& flavour : kFlavours)
    {
        Simulation const simulation(flavour);
        Kernels const kernels(simulation);
        {
            Engine const engine = simulation.open(simulation.write("fused digests"));
            Gpu const gpu(0);
            Random random(11);
            for (int i = 0; i < 20; ++i)
            {
                checkSame(engine, randomImages(gpu, random, random.integer(1, 5)));
            }
        }
        CHECK_EQUAL(live(), 0);
    }
}

TEST(fixedBatchesOfImagesOnTheGpuAreFilledUp)
{
    Simulation const simulation;
    Kernels const kernels(simulation);
    std::string const path = simulation.write("static digests");
    std::string const record = recordOf("static digests", "tensorrt_rtx", "1.7.1.116");
    writeFile(path + ".json", replaced(record, R"("batch": null)", R"("batch": 2)"));
    Engine const engine = simulation.open(path);
    Gpu const gpu(0);
    Random random(12);
    Images images; // of which the last is alone in its batch
    for (int i = 0; i < 3; ++i)
    {
        images.push_back(std::make_unique<TwoCopies>(
            gpu, random, 64, 64, PixelFormat::kGREY, 0, 5)); // the engine has room for five objects
    }
    checkSame(engine, images);
}

TEST(masksOfImagesOnTheGpuHaveAllFormats)
{
    Simulation const simulation;
    Kernels const kernels(simulation);
    Engine const engine = simulation.open(simulation.write("fused"));
    Gpu const gpu(0);
    Random random(13);
    Images const images = randomImages(gpu, random, 1);
    auto const find = [&](refinemask_mask_format masks)
    {
        return std::move(predict(engine, images, REFINEMASK_MEMORY_GPU, masks).front());
    };
    auto const expected = predict(engine, images, REFINEMASK_MEMORY_HOST, REFINEMASK_MASKS_RLE);
    CHECK_EQUAL(
        std::string(find(REFINEMASK_MASKS_RLE)->rles[0]), std::string(expected.front()->rles[0]));
    CHECK(find(REFINEMASK_MASKS_CROP)->crops[0].width > 0);
    CHECK(find(REFINEMASK_MASKS_POLYGONS)->outlines[0].part_count > 0);
    CHECK_EQUAL(find(REFINEMASK_MASKS_PROBS)->probs[0], 1.0F);
    CHECK(find(REFINEMASK_MASKS_NONE)->bitmaps == nullptr);
}

TEST(boxesAreGivenWithAnImageOnTheGpu)
{
    Simulation const simulation;
    Kernels const kernels(simulation);
    Engine const engine = simulation.open(simulation.write("masks"));
    Gpu const gpu(0);
    Random random(14);
    TwoCopies const image(gpu, random, 90, 70, PixelFormat::kBGRA, 0);
    StopSignal const stop(nullptr, std::nullopt);
    refinemask_times times{};
    float const corners[] = {0, 0, 8, 8};
    std::int64_t const label = 0;
    float probabilities[2];
    for (refinemask_memory const memory : {REFINEMASK_MEMORY_HOST, REFINEMASK_MEMORY_GPU})
    {
        probabilities[memory] = engine
                                    .segment(image.view(memory), {1, corners, &label, nullptr},
                                        {REFINEMASK_MASKS_PROBS, 0.0F, -1, stop, times, memory})
                                    ->probs[0];
    }
    CHECK(probabilities[0] > 0.0F);
    CHECK_EQUAL(probabilities[0], probabilities[1]);
}

TEST(imagesOnTheGpuComeFromManyThreads)
{
    Simulation const simulation;
    Kernels const kernels(simulation);
    {
        Engine const engine = simulation.open(simulation.write("fused digests"));
        Gpu const gpu(0);
        std::atomic<int> done{0};
        std::vector<std::thread> threads;
        for (std::uint64_t thread = 0; thread < 4; ++thread)
        {
            threads.emplace_back(
                [&, thread]
                {
                    Random random(thread);
                    for (int i = 0; i < 5; ++i)
                    {
                        checkSame(engine, randomImages(gpu, random, 2));
                        ++done;
                    }
                });
        }
        for (std::thread& thread : threads)
        {
            thread.join();
        }
        CHECK_EQUAL(done.load(), 20);
    }
    CHECK_EQUAL(live(), 0);
}

TEST(memoryOfImagesOnTheGpuMayRunOut)
{
    Simulation const simulation;
    Kernels const kernels(simulation);
    {
        std::string const path = simulation.write("fused");
        Gpu const gpu(0);
        Random random(15);
        Images const images = randomImages(gpu, random, 2);
        int failures = 0;
        for (bool isDone = false; !isDone;)
        {
            Engine const engine = simulation.open(path);
            failAfter(failures);
            Error const error = errorOf(
                [&]
                {
                    predict(engine, images, REFINEMASK_MEMORY_GPU);
                });
            failAfter(-1);
            isDone = error.status() == REFINEMASK_OK;
            if (!isDone)
            {
                CHECK_EQUAL(int{error.status()}, int{REFINEMASK_OUT_OF_MEMORY});
                ++failures;
            }
            checkSame(engine, images);
        }
        CHECK(failures >= 12); // a batch at least, and sizes and outputs on the GPU and the host
    }
    CHECK_EQUAL(live(), 0);
}

TEST(addressesThatAreNotOnTheGpuAreRefused)
{
    Simulation const simulation;
    Kernels const kernels(simulation);
    Engine const engine = simulation.open(simulation.write("fused"));
    Gpu const gpu(0);
    Random random(16);
    TwoCopies const image(gpu, random, 64, 48, PixelFormat::kRGB, 0);
    std::vector<std::uint8_t> const pixels(64 * 48 * 3);
    StopSignal const stop(nullptr, std::nullopt);
    refinemask_times times{};
    PredictOptions const options{
        REFINEMASK_MASKS_NONE, 0.0F, -1, stop, times, REFINEMASK_MEMORY_GPU};
    ImageView tooLong = image.view(REFINEMASK_MEMORY_GPU);
    tooLong.stride = std::int64_t{1} << 40;
    ImageView const ofNobody{pixels.data(), 64, 48, 192, PixelFormat::kRGB};
    for (ImageView const& view : {ofNobody, image.view(REFINEMASK_MEMORY_HOST), tooLong})
    {
        Error const error = errorOf(
            [&]
            {
                engine.predict({image.view(REFINEMASK_MEMORY_GPU), view}, options);
            });
        CHECK_EQUAL(int{error.status()}, int{REFINEMASK_INVALID_ARGUMENT});
        CHECK(contains(error, "an image of 64 x 48 pixels (width x height) with a stride of "));
        CHECK(contains(error, view.data == tooLong.data ? "its last byte is not" : "its first"));
    }
}

TEST(aLibraryForImagesThatIsMissingOrOfAnotherVersionIsSaid)
{
    Simulation const simulation;
    Gpu const gpu(0);
    Random random(17);
    Images const images = randomImages(gpu, random, 1);
    Engine const engine = simulation.open(simulation.write("fused"));
    auto const fail = [&]
    {
        Error const error = errorOf(
            [&]
            {
                predict(engine, images, REFINEMASK_MEMORY_GPU);
            });
        CHECK_EQUAL(int{error.status()}, int{REFINEMASK_RUNTIME_MISSING});
        return error;
    };
    ::setenv("REFINEMASK_LIBRARY_DIR", "/nowhere", 1);
    CHECK(contains(fail(), "(/nowhere/librefinemask_cuda.so: "));
    Kernels const kernels(simulation, "old");
    ::setenv("SIMULATED_VERSION", "0.0.9", 1);
    Error const old = fail();
    ::unsetenv("SIMULATED_VERSION");
    CHECK(contains(old, "librefinemask_cuda.so was built for refinemask 0.0.9, and this is "));
    predict(engine, images, REFINEMASK_MEMORY_GPU); // with that of this version
}

} // namespace
