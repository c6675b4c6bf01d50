// What the operators compute, written plainly with the functions of kernels/: what the fast paths
// of cpu/ are compared with, by the tests and by the fuzz targets.
#pragma once

#include "kernels/batched_nms.h"
#include "kernels/boundary_refine.h"
#include "kernels/paste_masks.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace refinemask::reference
{

using Selection = std::vector<std::array<std::int64_t, 3>>;

struct Candidate
{
    float score;
    std::int64_t box;
    std::int64_t group;
    float const* corners;
};

//! Greedy suppression of the candidates of one image, which are sorted here.
inline void suppress(std::vector<Candidate>& candidates, std::int64_t image,
    NmsParams const& params, Selection& selected)
{
    std::stable_sort(candidates.begin(), candidates.end(),
        [](Candidate const& a, Candidate const& b)
        {
            return scoreKey(a.score) > scoreKey(b.score);
        });
    float largest = -std::numeric_limits<float>::infinity();
    for (Candidate const& candidate : candidates)
    {
        for (int corner = 0; corner < 4; ++corner)
        {
            float const value = candidate.corners[corner];
            largest = value > largest || value != value ? value : largest; // NaN stays
        }
    }
    auto const count = static_cast<std::int64_t>(candidates.size());
    bool const shifted = params.maxShifted < 0 || count <= params.maxShifted;
    std::vector<std::pair<std::int64_t, ShiftedBox>> kept;
    for (Candidate const& candidate : candidates)
    {
        if (static_cast<std::int64_t>(kept.size()) == params.maxPerImage)
        {
            break;
        }
        float const shift = shifted ? groupShift(candidate.group, largest, params) : 0.F;
        ShiftedBox const box = shiftBox(candidate.corners, shift);
        bool const suppressed = std::any_of(kept.begin(), kept.end(),
            [&](auto const& better)
            {
                // Boxes that were moved are all compared: negative corners may bring groups
                // together.
                return (shifted || better.first == candidate.group)
                    && overlapsMore(better.second, box, params.iouThreshold);
            });
        if (!suppressed)
        {
            kept.emplace_back(candidate.group, box);
            selected.push_back({image, candidate.box, candidate.group});
        }
    }
}

inline Selection batchedNms(float const* boxes, bool boxesPerGroup, float const* scores,
    std::int64_t batch, std::int64_t count, std::int64_t groups, NmsParams const& params)
{
    Selection selected;
    for (std::int64_t image = 0; image < batch; ++image)
    {
        std::vector<Candidate> candidates;
        for (std::int64_t box = 0; box < count; ++box)
        {
            for (std::int64_t group = 0; group < groups; ++group)
            {
                std::int64_t const row = image * count + box;
                float const score = scores[row * groups + group];
                std::int64_t const place = boxesPerGroup ? row * groups + group : row;
                if (score > params.scoreThreshold)
                {
                    candidates.push_back(Candidate{score, box, group, boxes + place * 4});
                }
            }
        }
        suppress(candidates, image, params, selected);
    }
    return selected;
}

template <typename T>
std::vector<T> boundaryRefine(T const* coarse, T const* fine, int coarseSize, int width)
{
    std::vector<char> isInterior;
    for (int cell = 0; cell < coarseSize * coarseSize; ++cell)
    {
        bool const atBoundary
            = isBoundary(coarse, coarseSize, cell / coarseSize, cell % coarseSize, width);
        isInterior.push_back(atBoundary ? 0 : 1);
    }
    int const fineSize = 2 * coarseSize;
    float const scale = static_cast<float>(coarseSize - 1) / static_cast<float>(fineSize - 1);
    std::vector<T> output;
    for (int pixel = 0; pixel < fineSize * fineSize; ++pixel)
    {
        ResizeTap const y = resizeTap(pixel / fineSize, coarseSize, scale);
        ResizeTap const x = resizeTap(pixel % fineSize, coarseSize, scale);
        int const cells[] = {y.low * coarseSize + x.low, y.low * coarseSize + x.high,
            y.high * coarseSize + x.low, y.high * coarseSize + x.high};
        bool interior[4];
        float logits[4];
        for (int corner = 0; corner < 4; ++corner)
        {
            interior[corner] = isInterior[static_cast<std::size_t>(cells[corner])] != 0;
            logits[corner] = toFloat(coarse[cells[corner]]);
        }
        output.push_back(fromFloat<T>(refinedLogit(y, x, interior, logits, toFloat(fine[pixel]))));
    }
    return output;
}

//! One mask on its canvas, height x width.
template <typename T>
std::vector<std::uint8_t> pasteMask(T const* mask, int maskSize, float const* box,
    std::int64_t height, std::int64_t width, float threshold)
{
    std::vector<std::uint8_t> canvas(static_cast<std::size_t>(height * width));
    PasteWindow const rows = pasteWindow(box[1], box[3], height);
    PasteWindow const columns = pasteWindow(box[0], box[2], width);
    for (std::int64_t row = rows.first; row < rows.last; ++row)
    {
        for (std::int64_t column = columns.first; column < columns.last; ++column)
        {
            PasteTap const y = pasteTap(row, box[1], box[3], maskSize);
            PasteTap const x = pasteTap(column, box[0], box[2], maskSize);
            bool const on = pastedPixel(mask, maskSize, y, x, threshold);
            canvas[static_cast<std::size_t>(row * width + column)] = on ? 1 : 0;
        }
    }
    return canvas;
}

//! The runs of a canvas, as pasteRuns gives them.
inline std::vector<std::int64_t> runs(
    std::vector<std::uint8_t> const& canvas, std::int64_t height, std::int64_t width)
{
    std::vector<std::int64_t> edges;
    for (std::int64_t column = 0; column < width; ++column)
    {
        std::uint8_t previous = 0;
        for (std::int64_t row = 0; row <= height; ++row)
        {
            std::uint8_t const value
                = row < height ? canvas[static_cast<std::size_t>(row * width + column)] : 0;
            if (value != previous)
            {
                edges.push_back(column * height + row);
            }
            previous = value;
        }
    }
    return edges;
}

} // namespace refinemask::reference
