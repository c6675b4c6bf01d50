// Whether an engine runs here, and on what it is given.
#include "runtime/engine_record.h"
#include "runtime/error.h"
#include "runtime/sha256.h"
#include "runtime/tensorrt_interface.h"

#include <algorithm>

namespace refinemask::runtime
{
namespace
{

//! Versions of packages may say more than the library, as in "10.14.1.48.post1".
bool isVersion(std::string const& package, std::string const& library)
{
    return package == library || package.rfind(library + ".post", 0) == 0;
}

bool has(EngineRecord const& record, char const* option)
{
    return std::find(record.options.begin(), record.options.end(), option) != record.options.end();
}

std::string spelled(Shape const& shape)
{
    std::string text;
    for (std::int64_t const length : shape)
    {
        text += concatenate(text.empty() ? "" : "x", length);
    }
    return text;
}

} // namespace

void checkHost(EngineRecord const& record, std::string const& version, std::string const& plugins)
{
    if (has(record, "--version-compatible"))
    {
        raise(REFINEMASK_INVALID_ARTIFACT, "it contains code, the runtime of TensorRT ",
            record.runtimeVersion,
            ", which this library does not run; build it again without --version-compatible: ",
            record.command);
    }
    if (has(record, "--strip-weights"))
    {
        raise(REFINEMASK_INVALID_ARTIFACT,
            "it has no weights, which Python alone can give it; build it again without "
            "--strip-weights: ",
            record.command);
    }
    std::string differs;
    if (!isVersion(record.runtimeVersion, version))
    {
        differs = concatenate(findFlavour(record.runtime)->title, " ", record.runtimeVersion,
            ", and this is ", version);
    }
    else if (record.pluginsDigest)
    {
        auto const library = readBytes(plugins);
        if (!library)
        {
            raise(REFINEMASK_RUNTIME_MISSING, "it needs the plugin library ", plugins,
                ", which cannot be read; install it there, or name it as operator_library");
        }
        if (sha256(library->data(), library->size()) != *record.pluginsDigest)
        {
            differs = "another plugin library than " + plugins;
        }
    }
    if (!differs.empty())
    {
        raise(REFINEMASK_INVALID_ARTIFACT, "it was built with ", differs,
            "; build it again with: ", record.command);
    }
}

void checkGpu(EngineRecord const& record, std::string const& capability)
{
    auto const& known = record.capabilities;
    if (known.empty() || std::find(known.begin(), known.end(), capability) != known.end())
    {
        return;
    }
    std::string all;
    for (std::string const& one : known)
    {
        all += (all.empty() ? "" : ", ") + one;
    }
    raise(REFINEMASK_INVALID_ARTIFACT, "it was built for GPUs of compute capability ", all,
        ", and this one has ", capability, "; build it again on it with: ", record.command);
}

void checkProfile(EngineRecord const& record, std::vector<Tensor> const& inputs)
{
    for (Tensor const& input : inputs)
    {
        auto const found = record.shapes.find(input.name);
        if (found == record.shapes.end())
        {
            continue;
        }
        auto const& [minimum, maximum] = found->second;
        bool fits = minimum.size() == input.shape.size();
        for (std::size_t i = 0; fits && i < minimum.size(); ++i)
        {
            fits = minimum[i] <= input.shape[i] && input.shape[i] <= maximum[i];
        }
        if (!fits)
        {
            raise(REFINEMASK_INVALID_ARGUMENT, "the engine takes ", input.name, " from ",
                spelled(minimum), " to ", spelled(maximum), ", got ", spelled(input.shape),
                "; build it again with --min-shapes or --max-shapes that contain this shape");
        }
    }
}

} // namespace refinemask::runtime
