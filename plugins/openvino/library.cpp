// The two symbols of the extension library: create_extensions, which OpenVINO calls, and
// refinemask_openvino_version, which says for which version of the package it was built.
#include "openvino/operator.h"

#include <openvino/core/extension.hpp>

#define REFINEMASK_EXPORT extern "C" __attribute__((visibility("default")))

namespace
{

std::vector<ov::Extension::Ptr> makeExtensions()
{
    std::vector<ov::Extension::Ptr> extensions;
    refinemask::addMultiScaleRoIAlign(extensions);
    refinemask::addBatchedNMS(extensions);
    refinemask::addBoundaryRefine(extensions);
    refinemask::addPasteMasks(extensions);
    refinemask::addPlaces(extensions);
    return extensions;
}

} // namespace

OPENVINO_CREATE_EXTENSIONS(makeExtensions())

REFINEMASK_EXPORT char const* refinemask_openvino_version()
{
    return REFINEMASK_VERSION;
}
