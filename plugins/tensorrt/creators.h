// The creator of each plugin, each in the file of its operator's name.
#pragma once

#include <NvInferRuntime.h>
#include <vector>

namespace refinemask
{

nvinfer1::IPluginCreatorInterface& multiScaleRoIAlignCreator();
nvinfer1::IPluginCreatorInterface& batchedNMSCreator();
nvinfer1::IPluginCreatorInterface& boundaryRefineCreator();
nvinfer1::IPluginCreatorInterface& pasteMasksCreator();
nvinfer1::IPluginCreatorInterface& nonZeroPlacesCreator();
nvinfer1::IPluginCreatorInterface& gatherTilesCreator(); // these two in tiles.cpp
nvinfer1::IPluginCreatorInterface& scatterTilesCreator();
nvinfer1::IPluginCreatorInterface& convAtPlacesCreator();

//! All of them.
std::vector<nvinfer1::IPluginCreatorInterface*> const& allCreators();

} // namespace refinemask
