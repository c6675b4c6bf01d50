// The creator of each plugin, each in the file of its operator's name.
#pragma once

#include <NvInferRuntime.h>

namespace refinemask
{

nvinfer1::IPluginCreatorInterface& multiScaleRoIAlignCreator();
nvinfer1::IPluginCreatorInterface& batchedNMSCreator();
nvinfer1::IPluginCreatorInterface& boundaryRefineCreator();
nvinfer1::IPluginCreatorInterface& pasteMasksCreator();

} // namespace refinemask
