// The launch of the suppression kernels (batched_nms.cu), and the workspace they need.
#pragma once

#include "cuda/batched_nms_threads.h"
#include "cuda/launch.h"
#include "kernels/batched_nms.h"

#include <cstddef>

namespace refinemask
{

struct NmsLaunch
{
    float const* boxes;  //!< batch x count (x groups, if boxesPerGroup) x 4
    float const* scores; //!< batch x count x groups
    bool boxesPerGroup;
    std::int64_t batch;
    std::int64_t count;
    std::int64_t groups;
    NmsParams params;
    void* workspace;           //!< of nmsWorkspaceSize() bytes
    std::int64_t* selected;    //!< room for batch x nmsLimit() rows of image, box, group
    std::int32_t* numSelected; //!< how many rows were written
};

//! The most boxes that can be kept of an image.
inline std::int64_t nmsLimit(std::int64_t count, std::int64_t groups, NmsParams const& params)
{
    std::int64_t const scores = count * groups;
    return scores < params.maxPerImage ? scores : params.maxPerImage;
}

//! Where the arrays of the kernels lie in the workspace, each at a multiple of 256 bytes.
class NmsWorkspace
{
public:
    NmsWorkspace(
        std::int64_t batch, std::int64_t count, std::int64_t groups, NmsParams const& params)
    {
        std::int64_t const scores = batch * count * groups;
        std::int64_t const kept = batch * nmsLimit(count, groups, params);
        images = take(batch * sizeof(NmsImage));
        cleared = mSize;
        keys = take(scores * sizeof(NmsKey));
        sortedKeys = take(scores * sizeof(NmsKey));
        keptBoxes = take(kept * sizeof(Corners));
        keptIndices = take(kept * sizeof(std::uint32_t));
    }

    std::size_t size() const
    {
        return mSize;
    }

    std::size_t images;
    std::size_t cleared; //!< so many bytes at the start are set to 0 first
    std::size_t keys;
    std::size_t sortedKeys;
    std::size_t keptBoxes;
    std::size_t keptIndices;

private:
    static constexpr std::size_t kAlignment = 256;

    std::size_t take(std::size_t bytes)
    {
        std::size_t const offset = mSize;
        mSize += (bytes + kAlignment - 1) / kAlignment * kAlignment;
        return offset;
    }

    std::size_t mSize = 0;
};

//! What the kernels get; everything lies where the launch and its workspace say.
inline NmsArguments nmsArguments(NmsLaunch const& launch, NmsWorkspace const& places)
{
    char* const start = static_cast<char*>(launch.workspace);
    return NmsArguments{launch.boxes, launch.scores, launch.boxesPerGroup,
        static_cast<std::uint32_t>(launch.groups),
        static_cast<std::uint32_t>(launch.count * launch.groups),
        static_cast<std::uint32_t>(nmsLimit(launch.count, launch.groups, launch.params)),
        launch.params, reinterpret_cast<NmsImage*>(start + places.images),
        reinterpret_cast<NmsKey*>(start + places.keys),
        reinterpret_cast<NmsKey*>(start + places.sortedKeys),
        reinterpret_cast<Corners*>(start + places.keptBoxes),
        reinterpret_cast<std::uint32_t*>(start + places.keptIndices), launch.selected,
        launch.numSelected};
}

cudaError_t launchBatchedNms(NmsLaunch const& launch, cudaStream_t stream);

} // namespace refinemask
