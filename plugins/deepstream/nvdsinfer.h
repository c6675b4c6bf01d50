// What NVIDIA DeepStream and a library of its element nvinfer share.
//
// Declarations of our own with the names and layouts of NVIDIA's nvdsinfer.h and
// nvdsinfer_custom_impl.h, as far as a parser of instance masks needs them: those headers come with
// DeepStream and include TensorRT's. Their editions of 2023 and 2026 have these layouts.
#pragma once

#include <type_traits>
#include <vector>

enum NvDsInferDataType
{
    FLOAT = 0,
    HALF = 1,
    INT8 = 2,
    INT32 = 3,
    INT64 = 4, //!< Not in the edition of 2023, as the next one.
    UINT8 = 5
};

//! A shape without the batch.
struct NvDsInferDims
{
    unsigned int numDims;
    unsigned int d[8];
    unsigned int numElements;
};

//! An input or an output of the engine; `buffer` is that of one frame, in host memory.
struct NvDsInferLayerInfo
{
    NvDsInferDataType dataType;
    NvDsInferDims inferDims;
    int bindingIndex;
    char const* layerName;
    void* buffer;
    int isInput;
};

//! The size of the input of the engine.
struct NvDsInferNetworkInfo
{
    unsigned int width;
    unsigned int height;
    unsigned int channels;
};

//! What the configuration says of the objects that are kept; both vectors are by class.
struct NvDsInferParseDetectionParams
{
    unsigned int numClassesConfigured;
    std::vector<float> perClassPreclusterThreshold;
    std::vector<float> perClassPostclusterThreshold;
    std::vector<float>& perClassThreshold = perClassPreclusterThreshold;
};

//! An object: its box in pixels of the input, and its mask inside the box, which nvinfer frees by
//! delete[] once the object is in its list and has passed the thresholds.
struct NvDsInferInstanceMaskInfo
{
    unsigned int classId;
    float left;
    float top;
    float width;
    float height;
    float detectionConfidence;
    float* mask;
    unsigned int mask_width;
    unsigned int mask_height;
    unsigned int mask_size; //!< In bytes.
};

//! What `parse-bbox-instance-mask-func-name` names; false where the layers are not its own.
using NvDsInferInstanceMaskParseCustomFunc = bool (*)(
    std::vector<NvDsInferLayerInfo> const& outputLayersInfo,
    NvDsInferNetworkInfo const& networkInfo, NvDsInferParseDetectionParams const& detectionParams,
    std::vector<NvDsInferInstanceMaskInfo>& objectList);

static_assert(sizeof(NvDsInferDims) == 40 && sizeof(NvDsInferLayerInfo) == 72);
static_assert(sizeof(NvDsInferInstanceMaskInfo) == 48);
static_assert(std::is_trivially_copyable_v<NvDsInferInstanceMaskInfo>);
