#include "onnxruntime/operator.h"

namespace refinemask
{

void addOperators(Ort::CustomOpDomain& domain)
{
    addMultiScaleRoIAlign(domain);
    addBatchedNMS(domain);
    addBoundaryRefine(domain);
    addPasteMasks(domain);
    addPlaces(domain);
}

} // namespace refinemask
