// Shape inference of a node: what is known of it when a session is made.
#pragma once

#include "onnxruntime/api.h"

#include <string>
#include <vector>

namespace refinemask
{

class ShapeInference
{
public:
    explicit ShapeInference(OrtShapeInferContext* context);

    //! A length and the name that the graph gives it, or ""; the length is -1 if only the name, or
    //! not even that, is known.
    struct Dimension
    {
        std::int64_t length;
        std::string name;
    };

    static Dimension unknown()
    {
        return Dimension{-1, ""};
    }

    static Dimension fixed(std::int64_t length)
    {
        return Dimension{length, ""};
    }

    struct Tensor
    {
        ONNXTensorElementDataType type;
        std::vector<Dimension> dimensions; //!< empty also if the rank is not known
    };

    std::vector<Tensor> const& inputs() const
    {
        return mInputs;
    }

    //! An input's dimension, unknown if its rank is not `rank`: it is for the kernels to refuse
    //! that, since the runtime ignores what shape inference finds wrong.
    Dimension dimension(std::size_t input, std::size_t rank, std::size_t axis) const
    {
        auto const& dimensions = mInputs.at(input).dimensions;
        return dimensions.size() == rank ? dimensions[axis] : unknown();
    }

    //! The value of an integer attribute, or -1 if there is none.
    std::int64_t integer(char const* name) const;

    void setOutput(std::size_t index, ONNXTensorElementDataType type,
        std::vector<Dimension> const& dimensions) const;

private:
    OrtShapeInferContext* mContext;
    std::vector<Tensor> mInputs;
};

// What each operator says of its outputs, whichever provider runs it.
void inferMultiScaleRoIAlign(ShapeInference const& graph);
void inferBatchedNMS(ShapeInference const& graph);
void inferBoundaryRefine(ShapeInference const& graph);
void inferPasteMasks(ShapeInference const& graph);
void inferNonZeroPlaces(ShapeInference const& graph);
void inferGatherTiles(ShapeInference const& graph);
void inferScatterTiles(ShapeInference const& graph);
void inferConvAtPlaces(ShapeInference const& graph);

} // namespace refinemask
