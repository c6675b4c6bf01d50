#include "tensorrt/creators.h"

namespace refinemask
{

std::vector<nvinfer1::IPluginCreatorInterface*> const& allCreators()
{
    static std::vector<nvinfer1::IPluginCreatorInterface*> const creators{
        &multiScaleRoIAlignCreator(), &batchedNMSCreator(), &boundaryRefineCreator(),
        &pasteMasksCreator(), &nonZeroPlacesCreator(), &gatherTilesCreator(),
        &scatterTilesCreator(), &convAtPlacesCreator()};
    return creators;
}

} // namespace refinemask
