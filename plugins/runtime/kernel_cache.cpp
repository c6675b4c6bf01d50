#include "runtime/kernel_cache.h"

#include "runtime/error.h"
#include "runtime/log.h"
#include "runtime/sha256.h"
#include "runtime/tensorrt_callbacks.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unistd.h>
#include <utility>

namespace refinemask::runtime
{
namespace
{

constexpr std::size_t kHash = 32; // bytes of the SHA-256 at the beginning of a file

//! The SHA-256 of some bytes as it stands in files.
Bytes hashOf(Bytes const& data)
{
    std::string const digits = sha256(data.data(), data.size());
    Bytes hash;
    for (std::size_t i = 0; i < digits.size(); i += 2)
    {
        hash.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    return hash;
}

//! Return the kernels of a file; none where it does not exist or is damaged.
Bytes readChecked(std::string const& path)
{
    std::ifstream stream(std::filesystem::u8path(path), std::ios::binary);
    Bytes const content{std::istreambuf_iterator<char>(stream), {}};
    if (content.size() < kHash)
    {
        return {};
    }
    Bytes data(content.begin() + kHash, content.end());
    if (hashOf(data) != Bytes(content.begin(), content.begin() + kHash))
    {
        log(REFINEMASK_LOG_WARNING, path, " is damaged; compiling again");
        return {};
    }
    return data;
}

//! Write data with their hash, whole or not at all.
void writeChecked(std::string const& path, Bytes const& data)
{
    std::filesystem::path const target = std::filesystem::u8path(path);
    std::filesystem::create_directories(target.parent_path());
    std::filesystem::path const temporary
        = std::filesystem::u8path(concatenate(path, ".", ::getpid(), ".", &data));
    std::ofstream stream(temporary, std::ios::binary);
    for (Bytes const& part : {hashOf(data), data})
    {
        stream.write(
            reinterpret_cast<char const*>(part.data()), static_cast<std::streamsize>(part.size()));
    }
    stream.close();
    if (!stream)
    {
        std::error_code code;
        std::filesystem::remove(temporary, code);
        raise(REFINEMASK_INTERNAL_ERROR, "it cannot be written");
    }
    std::filesystem::rename(temporary, target);
}

//! As refinemask/engines/tensorrt/cache.py: in $REFINEMASK_CACHE, $XDG_CACHE_HOME or ~/.cache.
std::string cacheFolder()
{
    for (auto const& [variable, inside] : {std::pair{"REFINEMASK_CACHE", ""},
             std::pair{"XDG_CACHE_HOME", "/refinemask"}, std::pair{"HOME", "/.cache/refinemask"}})
    {
        char const* const value = std::getenv(variable);
        if (value != nullptr && *value != '\0')
        {
            return std::string(value) + inside;
        }
    }
    return "";
}

} // namespace

KernelCache::KernelCache(TensorRtObject cache, Slots const& slots, std::string path)
    : mCache(std::move(cache))
    , mSlots(slots)
    , mPath(std::move(path))
{
    mSaved = readChecked(mPath);
    if (!mSaved.empty()
        && !mCache.call<bool>(
            mSlots.cacheDeserialize, static_cast<void const*>(mSaved.data()), mSaved.size()))
    {
        log(REFINEMASK_LOG_WARNING, mPath, " does not fit this GPU and driver; compiling again");
    }
}

void KernelCache::save() noexcept
{
    if (mPath.empty())
    {
        return;
    }
    try
    {
        TensorRtObject const memory(mCache.call<void*>(mSlots.cacheSerialize));
        if (!memory)
        {
            raise(
                REFINEMASK_RUNTIME_FAILED, "TensorRT-RTX does not write them", takeTensorRtError());
        }
        auto const* const data
            = static_cast<std::uint8_t const*>(memory.call<void*>(mSlots.memoryData));
        Bytes kernels(data, data + memory.call<std::size_t>(mSlots.memorySize));
        if (kernels != mSaved)
        {
            writeChecked(mPath, kernels);
            mSaved = std::move(kernels);
        }
    }
    catch (std::exception const& error)
    {
        log(REFINEMASK_LOG_WARNING, "the compiled kernels are not kept in ", mPath, ": ",
            error.what());
    }
}

std::string kernelsPath(EngineRecord const& record, Gpu const& gpu)
{
    std::string const folder = cacheFolder();
    if (folder.empty())
    {
        return "";
    }
    std::string key; // as Python's json.dumps() writes the list
    for (std::string const& text :
        {record.engine.digest, record.runtimeVersion, gpu.name(), gpu.capability()})
    {
        key += nlohmann::json(text).dump(-1, ' ', true) + ", ";
    }
    key = concatenate("[", key, gpu.driver(), "]");
    std::string const digest
        = sha256(reinterpret_cast<std::uint8_t const*>(key.data()), key.size()).substr(0, 32);
    return concatenate(folder, "/kernels/", digest, ".kernels");
}

} // namespace refinemask::runtime
