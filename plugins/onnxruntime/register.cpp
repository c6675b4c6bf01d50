// The two symbols of an operator library: RegisterCustomOps, which ONNX Runtime calls, and the
// function that says for which version of the package it was built.
#include "onnxruntime/operator.h"

#ifndef REFINEMASK_VERSION
#error "REFINEMASK_VERSION must be the version of the package, as text"
#endif
#ifndef REFINEMASK_VERSION_FUNCTION
#error "REFINEMASK_VERSION_FUNCTION must be the name of the library's version function"
#endif

#define REFINEMASK_EXPORT extern "C" __attribute__((visibility("default")))

namespace
{

//! The operators, the same for all sessions; made when the library is first registered.
OrtCustomOpDomain* operators()
{
    static Ort::CustomOpDomain const domain = []
    {
        Ort::CustomOpDomain made("refinemask");
        refinemask::addOperators(made);
        return made;
    }();
    return domain;
}

} // namespace

REFINEMASK_EXPORT OrtStatus* ORT_API_CALL RegisterCustomOps(
    OrtSessionOptions* options, OrtApiBase const* base)
{
    OrtApi const* const api = base->GetApi(refinemask::kOrtApiVersion);
    if (api == nullptr)
    {
        // Only an API can make an error; the first version's is in every runtime.
        OrtApi const* const oldest = base->GetApi(1);
        std::string const message
            = std::string("the RefineMask operators need ONNX Runtime 1.20 or newer, this is ")
            + base->GetVersionString();
        return oldest != nullptr ? oldest->CreateStatus(ORT_FAIL, message.c_str()) : nullptr;
    }
    Ort::InitApi(api);
    return refinemask::catchAsStatus(
        [&]
        {
            Ort::UnownedSessionOptions(options).Add(operators());
        });
}

REFINEMASK_EXPORT char const* REFINEMASK_VERSION_FUNCTION()
{
    return REFINEMASK_VERSION;
}
