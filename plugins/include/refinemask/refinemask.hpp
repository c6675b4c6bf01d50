// C++17 over refinemask.h: the same functions with value types that free themselves, and
// exceptions.
//
//     refinemask::Engine engine("refinemask.onnx");
//     for (auto const& object : engine.predict(refinemask::Image{pixels, width, height}))
//     {
//         std::cout << object.className << ' ' << object.score << '\n';
//     }
#pragma once

#include "refinemask/refinemask.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace refinemask
{

//! A call that failed; `what()` says why and what to do.
class Error : public std::runtime_error
{
public:
    explicit Error(refinemask_status status)
        : std::runtime_error(refinemask_last_error())
        , mStatus(status)
    {
    }

    refinemask_status status() const
    {
        return mStatus;
    }

private:
    refinemask_status mStatus;
};

inline void check(refinemask_status status)
{
    if (status != REFINEMASK_OK)
    {
        throw Error(status);
    }
}

//! A view of contiguous values that somebody else owns.
template <typename T>
class Span
{
public:
    Span() = default;

    Span(T const* data, std::int64_t size)
        : mData(data)
        , mSize(static_cast<std::size_t>(size))
    {
    }

    T const* data() const
    {
        return mData;
    }

    std::size_t size() const
    {
        return mSize;
    }

    bool empty() const
    {
        return mSize == 0;
    }

    T const* begin() const
    {
        return mData;
    }

    T const* end() const
    {
        return mData + mSize;
    }

    T const& operator[](std::size_t index) const
    {
        return mData[index];
    }

private:
    T const* mData = nullptr;
    std::size_t mSize = 0;
};

//! An image to read, see refinemask_image; PredictOptions::imageMemory says where.
struct Image
{
    std::uint8_t const* data = nullptr;
    std::int64_t width = 0;
    std::int64_t height = 0;
    refinemask_pixel_format format = REFINEMASK_RGB;
    std::int64_t stride = 0; //!< 0 if nothing is between the rows
};

//! In pixels of the image.
struct Box
{
    float x1;
    float y1;
    float x2;
    float y2;
};

static_assert(sizeof(Box) == 4 * sizeof(float));

//! One object, in memory of the Detections that it is from.
struct Detection
{
    Box box;
    float score;
    std::int64_t label;
    char const* className;
    Span<std::uint8_t> bitmap;         //!< height x width of the image, 0 or 1; or empty
    refinemask_crop const* crop;       //!< or null
    char const* rle;                   //!< COCO's counts; or null
    Span<refinemask_polygon> polygons; //!< a part of the mask each
    Span<float> probs;                 //!< maskSize x maskSize; or empty
};

//! The objects of one image, by descending score.
class Detections
{
public:
    explicit Detections(refinemask_detections* block)
        : mBlock(block)
    {
    }

    std::size_t size() const
    {
        return static_cast<std::size_t>(mBlock->count);
    }

    bool empty() const
    {
        return size() == 0;
    }

    std::int64_t imageWidth() const
    {
        return mBlock->image_width;
    }

    std::int64_t imageHeight() const
    {
        return mBlock->image_height;
    }

    //! Whether an artifact of the static form found more candidates than it considers.
    bool isTruncated() const
    {
        return mBlock->truncated != 0;
    }

    //! Side of the masks that Detection::probs holds.
    std::int64_t maskSize() const
    {
        return mBlock->mask_size;
    }

    Detection operator[](std::size_t index) const
    {
        refinemask_detections const& all = *mBlock;
        float const* const corners = all.boxes + 4 * index;
        Detection found{{corners[0], corners[1], corners[2], corners[3]}, all.scores[index],
            all.labels[index], all.class_names[index], {}, nullptr, nullptr, {}, {}};
        auto const position = static_cast<std::int64_t>(index);
        if (all.bitmaps != nullptr)
        {
            std::int64_t const area = all.image_width * all.image_height;
            found.bitmap = {all.bitmaps + position * area, area};
        }
        if (all.probs != nullptr)
        {
            std::int64_t const area = all.mask_size * all.mask_size;
            found.probs = {all.probs + position * area, area};
        }
        found.crop = all.crops == nullptr ? nullptr : all.crops + index;
        found.rle = all.rles == nullptr ? nullptr : all.rles[index];
        if (all.outlines != nullptr)
        {
            found.polygons = {all.outlines[index].parts, all.outlines[index].part_count};
        }
        return found;
    }

    class Iterator
    {
    public:
        Iterator(Detections const& owner, std::size_t index)
            : mOwner(&owner)
            , mIndex(index)
        {
        }

        Detection operator*() const
        {
            return (*mOwner)[mIndex];
        }

        Iterator& operator++()
        {
            ++mIndex;
            return *this;
        }

        bool operator!=(Iterator const& other) const
        {
            return mIndex != other.mIndex;
        }

    private:
        Detections const* mOwner;
        std::size_t mIndex;
    };

    Iterator begin() const
    {
        return {*this, 0};
    }

    Iterator end() const
    {
        return {*this, size()};
    }

private:
    struct Free
    {
        void operator()(refinemask_detections* block) const
        {
            refinemask_free(block);
        }
    };

    std::unique_ptr<refinemask_detections, Free> mBlock;
};

//! Ends predictions from another thread; outlives those it was given to.
class Cancellation
{
public:
    Cancellation()
    {
        refinemask_cancellation* made = nullptr;
        check(refinemask_new_cancellation(&made));
        mHandle.reset(made);
    }

    void cancel()
    {
        refinemask_cancel(mHandle.get());
    }

    refinemask_cancellation* get() const
    {
        return mHandle.get();
    }

private:
    struct Free
    {
        void operator()(refinemask_cancellation* handle) const
        {
            refinemask_free_cancellation(handle);
        }
    };

    std::unique_ptr<refinemask_cancellation, Free> mHandle;
};

struct EngineOptions
{
    std::string runtime = "onnxruntime"; //!< or "openvino"; for engines one of TensorRT's
    std::string device = "cpu";
    std::string runtimeLibrary;  //!< "" for the usual places
    std::string operatorLibrary; //!< likewise
    int threads = 0;             //!< 0 leaves the number to the runtime
};

struct PredictOptions
{
    refinemask_mask_format masks = REFINEMASK_MASKS_BITMAP;
    float scoreThreshold = 0.0F;
    std::int64_t maxDetections = -1;      //!< negative for all
    std::chrono::milliseconds timeout{0}; //!< 0 for none
    Cancellation const* cancellation = nullptr;
    refinemask_times* times = nullptr;                      //!< is filled in if it is not null
    refinemask_memory imageMemory = REFINEMASK_MEMORY_HOST; //!< of the pixels of all images
};

//! Runs one artifact; safe to use from several threads.
class Engine
{
public:
    explicit Engine(std::string const& path, EngineOptions const& options = {})
    {
        if (refinemask_abi_version() != REFINEMASK_ABI_VERSION)
        {
            throw std::runtime_error("this program was compiled for another version of "
                                     "librefinemask; compile it again");
        }
        refinemask_engine_options const given{sizeof(refinemask_engine_options),
            options.runtime.c_str(), options.device.c_str(), orNull(options.runtimeLibrary),
            orNull(options.operatorLibrary), options.threads};
        refinemask_engine* opened = nullptr;
        check(refinemask_open(path.c_str(), &given, &opened));
        mHandle.reset(opened);
    }

    //! Valid as long as the engine.
    refinemask_info const& info() const
    {
        return *refinemask_engine_info(mHandle.get());
    }

    Span<char const*> classNames() const
    {
        return {info().class_names, info().class_count};
    }

    //! Name and version of the runtime.
    char const* runtime() const
    {
        return refinemask_engine_runtime(mHandle.get());
    }

    Detections predict(Image const& image, PredictOptions const& options = {}) const
    {
        return std::move(predict(std::vector<Image>{image}, options).front());
    }

    //! Those of equal padded size run as batches.
    std::vector<Detections> predict(
        std::vector<Image> const& images, PredictOptions const& options = {}) const
    {
        std::vector<refinemask_image> views;
        for (Image const& image : images)
        {
            views.push_back(toC(image));
        }
        refinemask_predict_options const given = toC(options);
        std::vector<refinemask_detections*> blocks(images.size(), nullptr);
        check(refinemask_predict(mHandle.get(), views.data(), views.size(), &given, blocks.data()));
        return {blocks.begin(), blocks.end()};
    }

    //! Predict the masks of given boxes, in their order, see refinemask_segment().
    //!
    //! \param labels one for each box; none if the artifact has one class.
    //! \param scores likewise; none for 1.
    Detections segment(Image const& image, std::vector<Box> const& boxes,
        std::vector<std::int64_t> const& labels = {}, std::vector<float> const& scores = {},
        PredictOptions const& options = {}) const
    {
        if ((!labels.empty() && labels.size() != boxes.size())
            || (!scores.empty() && scores.size() != boxes.size()))
        {
            throw std::invalid_argument("each box needs a label and a score, or none has one");
        }
        refinemask_image const view = toC(image);
        refinemask_boxes const wanted{static_cast<std::int64_t>(boxes.size()),
            boxes.empty() ? nullptr : &boxes.front().x1, labels.empty() ? nullptr : labels.data(),
            scores.empty() ? nullptr : scores.data()};
        refinemask_predict_options const given = toC(options);
        refinemask_detections* block = nullptr;
        check(refinemask_segment(mHandle.get(), &view, &wanted, &given, &block));
        return Detections(block);
    }

    //! Run once on a black image of this size, so that the first prediction is fast.
    void warmUp(std::int64_t width, std::int64_t height) const
    {
        check(refinemask_warm_up(mHandle.get(), width, height));
    }

private:
    struct Close
    {
        void operator()(refinemask_engine* engine) const
        {
            refinemask_close(engine);
        }
    };

    static refinemask_image toC(Image const& image)
    {
        return {image.data, image.width, image.height, image.stride, image.format};
    }

    static refinemask_predict_options toC(PredictOptions const& options)
    {
        return {sizeof(refinemask_predict_options), options.masks, options.scoreThreshold,
            options.maxDetections, options.timeout.count(),
            options.cancellation == nullptr ? nullptr : options.cancellation->get(), options.times,
            options.imageMemory};
    }

    static char const* orNull(std::string const& text)
    {
        return text.empty() ? nullptr : text.c_str();
    }

    std::unique_ptr<refinemask_engine, Close> mHandle;
};

} // namespace refinemask
