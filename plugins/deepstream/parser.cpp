// librefinemask_deepstream.so: the objects of a frame, from the outputs of a network that
// `refinemask deepstream` has written. It stands alone, to be compiled where DeepStream runs:
//   c++ -std=c++17 -O2 -fPIC -shared parser.cpp -o librefinemask_deepstream.so
#include "nvdsinfer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#ifndef REFINEMASK_VERSION
#define REFINEMASK_VERSION "unknown"
#endif
#define REFINEMASK_EXPORT extern "C" __attribute__((visibility("default")))

namespace refinemask
{

namespace
{

//! Return the layer of a name, after checking its type and how many dimensions it has.
NvDsInferLayerInfo const& find(std::vector<NvDsInferLayerInfo> const& layers, char const* name,
    NvDsInferDataType type, unsigned int dimensions)
{
    auto const found = std::find_if(layers.begin(), layers.end(),
        [name](NvDsInferLayerInfo const& layer)
        {
            return layer.layerName != nullptr && std::strcmp(layer.layerName, name) == 0;
        });
    if (found == layers.end())
    {
        throw std::runtime_error(std::string("the engine has no output ") + name);
    }
    if (found->dataType != type || found->inferDims.numDims != dimensions
        || found->buffer == nullptr)
    {
        throw std::runtime_error(std::string("the output ") + name + " has the type "
            + std::to_string(found->dataType) + " and " + std::to_string(found->inferDims.numDims)
            + " dimensions, not " + std::to_string(type) + " and " + std::to_string(dimensions));
    }
    return *found;
}

//! The outputs of a frame: D slots, of which the first `count` hold objects by descending score.
struct Outputs
{
    float const* boxes;         //!< (D, 4): x1, y1, x2, y2 in pixels of the input.
    float const* scores;        //!< (D,)
    std::int32_t const* labels; //!< (D,)
    float const* masks;         //!< (D, side, side): probabilities inside the box.
    std::size_t count;
    unsigned int side;
    bool truncated; //!< Whether the network had more candidates than it considers.
};

Outputs readOutputs(std::vector<NvDsInferLayerInfo> const& layers)
{
    NvDsInferLayerInfo const& boxes = find(layers, "boxes", FLOAT, 2);
    NvDsInferLayerInfo const& scores = find(layers, "scores", FLOAT, 1);
    NvDsInferLayerInfo const& labels = find(layers, "labels", INT32, 1);
    NvDsInferLayerInfo const& masks = find(layers, "masks", FLOAT, 3);
    NvDsInferLayerInfo const& count = find(layers, "num_detections", INT32, 1);
    NvDsInferLayerInfo const& truncated = find(layers, "truncated", INT32, 1);
    unsigned int const slots = scores.inferDims.d[0];
    unsigned int const side = masks.inferDims.d[1];
    if (boxes.inferDims.d[0] != slots || boxes.inferDims.d[1] != 4 || labels.inferDims.d[0] != slots
        || masks.inferDims.d[0] != slots || masks.inferDims.d[2] != side
        || count.inferDims.d[0] != 1 || truncated.inferDims.d[0] != 1)
    {
        throw std::runtime_error("the shapes of the outputs do not agree");
    }
    auto const found = *static_cast<std::int32_t const*>(count.buffer);
    return {static_cast<float const*>(boxes.buffer), static_cast<float const*>(scores.buffer),
        static_cast<std::int32_t const*>(labels.buffer), static_cast<float const*>(masks.buffer),
        std::min<std::size_t>(static_cast<std::size_t>(std::max(found, 0)), slots), side,
        *static_cast<std::int32_t const*>(truncated.buffer) != 0};
}

//! Return whether nvinfer would keep an object. The mask of one that it drops is never freed.
bool isKept(std::int32_t label, float score, NvDsInferParseDetectionParams const& parameters)
{
    auto const index = static_cast<std::size_t>(label);
    return label >= 0 && index < parameters.numClassesConfigured
        && index < parameters.perClassPreclusterThreshold.size()
        && score >= parameters.perClassPreclusterThreshold[index];
}

void warnOfTruncation()
{
    static std::once_flag once;
    std::call_once(once,
        []
        {
            std::fputs("refinemask: a frame had more candidates above the score threshold of the "
                       "model than its network considers; some objects may be missing\n",
                stderr);
        });
}

void addObjects(Outputs const& outputs, NvDsInferParseDetectionParams const& parameters,
    std::vector<NvDsInferInstanceMaskInfo>& objects)
{
    objects.reserve(objects.size() + outputs.count); // after it, nothing that owns a mask throws
    std::size_t const length = static_cast<std::size_t>(outputs.side) * outputs.side;
    for (std::size_t i = 0; i < outputs.count; ++i)
    {
        if (!isKept(outputs.labels[i], outputs.scores[i], parameters))
        {
            continue;
        }
        float const* const box = outputs.boxes + 4 * i;
        auto mask = std::make_unique<float[]>(length);
        std::copy_n(outputs.masks + i * length, length, mask.get());
        NvDsInferInstanceMaskInfo object{};
        object.classId = static_cast<unsigned int>(outputs.labels[i]);
        object.left = box[0];
        object.top = box[1];
        object.width = box[2] - box[0];
        object.height = box[3] - box[1];
        object.detectionConfidence = outputs.scores[i];
        object.mask = mask.release();
        object.mask_width = outputs.side;
        object.mask_height = outputs.side;
        object.mask_size = static_cast<unsigned int>(length * sizeof(float));
        objects.push_back(object);
    }
}

} // namespace

} // namespace refinemask

REFINEMASK_EXPORT char const* refinemask_deepstream_version() noexcept
{
    return REFINEMASK_VERSION;
}

//! See NvDsInferInstanceMaskParseCustomFunc.
REFINEMASK_EXPORT bool NvDsInferParseCustomRefineMask(
    std::vector<NvDsInferLayerInfo> const& outputLayersInfo,
    NvDsInferNetworkInfo const& /*networkInfo*/,
    NvDsInferParseDetectionParams const& detectionParams,
    std::vector<NvDsInferInstanceMaskInfo>& objectList) noexcept
{
    try
    {
        refinemask::Outputs const outputs = refinemask::readOutputs(outputLayersInfo);
        if (outputs.truncated)
        {
            refinemask::warnOfTruncation();
        }
        refinemask::addObjects(outputs, detectionParams, objectList);
        return true;
    }
    catch (std::exception const& error)
    {
        std::fprintf(stderr,
            "refinemask: %s; give nvinfer a configuration and a network of `refinemask "
            "deepstream`, of one version with this library (%s)\n",
            error.what(), REFINEMASK_VERSION);
        return false;
    }
}

static_assert(std::is_convertible_v<decltype(&NvDsInferParseCustomRefineMask),
    NvDsInferInstanceMaskParseCustomFunc>);
