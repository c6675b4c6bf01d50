// Calls a parser of instance masks as nvinfer does after each batch:
//   host LIBRARY FUNCTION CLASSES THRESHOLD MASKS < layers
//
// The layers are read as lines of text, each with its values behind it: `NAME TYPE D1 D2 ...` with
// the number of NvDsInferDataType, below a first line with the batch size. For each object a line
// goes to standard output (frame, class, left, top, width, height, score, mask width, mask height),
// and its mask to the file MASKS. What the parser hands over is freed as nvinfer frees it.
#include "deepstream/nvdsinfer.h"

#include <cstdint>
#include <cstdio>
#include <dlfcn.h>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace
{

//! An output of a batch in host memory.
struct Layer
{
    std::string name;
    NvDsInferLayerInfo info{};
    std::vector<std::uint8_t> values;
};

std::size_t elementSize(NvDsInferDataType type)
{
    switch (type)
    {
    case HALF:
        return 2;
    case INT8:
    case UINT8:
        return 1;
    case INT64:
        return 8;
    default:
        return 4;
    }
}

std::vector<Layer> readLayers(std::istream& stream, unsigned int batch)
{
    std::vector<Layer> layers;
    std::string line;
    while (std::getline(stream, line))
    {
        std::istringstream words(line);
        Layer layer;
        int type = 0;
        words >> layer.name >> type;
        NvDsInferDims& dims = layer.info.inferDims;
        dims.numElements = 1;
        for (unsigned int length = 0; words >> length;)
        {
            dims.d[dims.numDims++] = length;
            dims.numElements *= length;
        }
        layer.info.dataType = static_cast<NvDsInferDataType>(type);
        layer.values.resize(dims.numElements * elementSize(layer.info.dataType) * batch);
        stream.read(reinterpret_cast<char*>(layer.values.data()),
            static_cast<std::streamsize>(layer.values.size()));
        if (!stream)
        {
            throw std::runtime_error("the values of " + layer.name + " are cut off");
        }
        layers.push_back(std::move(layer));
    }
    return layers;
}

//! What nvinfer's own filter would drop after the parser, without freeing its mask.
bool isDropped(
    NvDsInferInstanceMaskInfo const& object, NvDsInferParseDetectionParams const& parameters)
{
    return object.classId >= parameters.numClassesConfigured
        || object.detectionConfidence < parameters.perClassPreclusterThreshold[object.classId];
}

} // namespace

int main(int count, char** arguments)
try
{
    if (count != 6)
    {
        std::cerr << "usage: host LIBRARY FUNCTION CLASSES THRESHOLD MASKS < layers\n";
        return 2;
    }
    void* const library = dlopen(arguments[1], RTLD_LAZY);
    auto const parse = library == nullptr
        ? nullptr
        : reinterpret_cast<NvDsInferInstanceMaskParseCustomFunc>(dlsym(library, arguments[2]));
    if (parse == nullptr)
    {
        throw std::runtime_error(dlerror());
    }
    NvDsInferParseDetectionParams parameters{};
    parameters.numClassesConfigured = static_cast<unsigned int>(std::stoul(arguments[3]));
    parameters.perClassPreclusterThreshold.assign(
        parameters.numClassesConfigured, std::stof(arguments[4]));
    parameters.perClassPostclusterThreshold.assign(parameters.numClassesConfigured, 0.0F);
    std::ofstream masks(arguments[5], std::ios::binary);

    std::string first;
    std::getline(std::cin, first);
    auto const batch = static_cast<unsigned int>(std::stoul(first));
    std::vector<Layer> layers = readLayers(std::cin, batch);
    std::vector<NvDsInferInstanceMaskInfo> objects; // one list for all frames, cleared by nvinfer
    for (unsigned int frame = 0; frame < batch; ++frame)
    {
        std::vector<NvDsInferLayerInfo> infos;
        for (Layer& layer : layers)
        {
            layer.info.layerName = layer.name.c_str();
            layer.info.buffer = layer.values.data()
                + layer.info.inferDims.numElements * elementSize(layer.info.dataType) * frame;
            infos.push_back(layer.info);
        }
        objects.clear();
        if (!parse(infos, NvDsInferNetworkInfo{0, 0, 3}, parameters, objects))
        {
            return 1;
        }
        for (NvDsInferInstanceMaskInfo const& object : objects)
        {
            if (isDropped(object, parameters))
            {
                throw std::runtime_error("the mask of an object would never be freed");
            }
            std::printf("%u %u %.9g %.9g %.9g %.9g %.9g %u %u\n", frame, object.classId,
                object.left, object.top, object.width, object.height, object.detectionConfidence,
                object.mask_width, object.mask_height);
            masks.write(reinterpret_cast<char const*>(object.mask), object.mask_size);
            delete[] object.mask;
        }
    }
    dlclose(library);
    return 0;
}
catch (std::exception const& error)
{
    std::cerr << "host: " << error.what() << '\n';
    return 3;
}
