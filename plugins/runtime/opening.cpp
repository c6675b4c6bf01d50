#include "runtime/opening.h"

#include "runtime/engine_record.h"
#include "runtime/error.h"
#include "runtime/tensorrt_interface.h"

#include <string_view>
#include <utility>

namespace refinemask::runtime
{
namespace
{

std::unique_ptr<Backend> openBackend(
    Artifact const& artifact, std::string const& runtime, BackendOptions const& options)
{
#ifdef REFINEMASK_WITH_ONNXRUNTIME
    if (runtime == "onnxruntime")
    {
        return openOnnxRuntime(artifact, options);
    }
#endif
#ifdef REFINEMASK_OPENVINO_VERSION
    if (runtime == "openvino")
    {
        return openOpenVino(artifact, options);
    }
#endif
    static_cast<void>(options);
    if (runtime == "onnxruntime" || runtime == "openvino")
    {
        raise(REFINEMASK_RUNTIME_MISSING, "this library was built without the headers of ", runtime,
            ", which it needs to run ", artifact.path, "; build it where they are");
    }
    raise(REFINEMASK_INVALID_ARGUMENT, "unknown runtime ", runtime,
        "; choose onnxruntime, openvino, tensorrt or tensorrt_rtx");
}

//! Throw an Error if a file is, by its name, not what a runtime runs.
void checkKind(std::string const& path, std::string const& runtime, bool isOfTensorRt)
{
    if (!isOfTensorRt && isEnginePath(path))
    {
        raise(REFINEMASK_INVALID_ARGUMENT, path,
            " is an engine of TensorRT; open it with the runtime tensorrt or tensorrt_rtx");
    }
    constexpr std::string_view kArtifact = ".onnx";
    if (isOfTensorRt && path.size() > kArtifact.size()
        && path.compare(path.size() - kArtifact.size(), kArtifact.size(), kArtifact) == 0)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, path, " is an artifact, and the runtime ", runtime,
            " runs engines; build its engine with: refinemask build ", path, " --runtime ", runtime,
            " --output ", path.substr(0, path.size() - kArtifact.size()), ".engine");
    }
}

//! Return what an artifact is as a block of the C interface.
Owned<refinemask_info> makeInfo(Artifact const& artifact)
{
    Metadata const& metadata = artifact.metadata;
    std::vector<std::string> const words{metadata.preset, metadata.form, metadata.precision,
        artifact.json, artifact.digest, metadata.outputs};
    auto const classes = static_cast<std::int64_t>(metadata.classNames.size());
    BlockBuilder builder;
    auto const first = builder.add<refinemask_info>(1);
    auto const ids = builder.add<std::int64_t>(classes);
    Texts const names(builder, metadata.classNames);
    Texts const texts(builder, words);
    builder.allocate();

    std::copy(metadata.categoryIds.begin(), metadata.categoryIds.end(), builder.at(ids));
    char const* const* const written = texts.write(builder);
    refinemask_info info{};
    info.preset = written[0];
    info.form = written[1];
    info.precision = written[2];
    info.metadata = written[3];
    info.sha256 = written[4];
    info.outputs = written[5];
    info.class_count = classes;
    info.class_names = names.write(builder);
    info.category_ids = builder.at(ids);
    info.max_detections = metadata.maxDetections;
    info.short_side = metadata.limits.shortSide;
    info.long_side = metadata.limits.longSide;
    info.batch = metadata.limits.batch;
    *builder.at(first) = info;
    return builder.release(first);
}

} // namespace

OpenedModel openModel(
    std::string const& path, std::string const& runtime, BackendOptions const& options)
{
    bool const isOfTensorRt = findFlavour(runtime) != nullptr;
    checkKind(path, runtime, isOfTensorRt);
    EngineRecord record{};
    if (isOfTensorRt)
    {
        record = openEngine(path);
    }
    else
    {
        record.engine = openArtifact(path);
    }
    OpenedModel model{record.engine.metadata, makeInfo(record.engine), nullptr};
    try
    {
        model.backend = isOfTensorRt ? openTensorRt(std::move(record), runtime, options)
                                     : openBackend(record.engine, runtime, options);
    }
    catch (Error const& error)
    {
        raise(error.status(), "cannot open ", path, ": ", error.what());
    }
    return model;
}

Owned<refinemask_info> readInfo(std::string const& path)
{
    return makeInfo(isEnginePath(path) ? openEngine(path).engine : openArtifact(path));
}

} // namespace refinemask::runtime
