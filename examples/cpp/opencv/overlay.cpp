// Images and masks as cv::Mat: overlay MODEL.onnx photo.ppm overlay.ppm
//
// PPM pictures spare a decoder: cv::imread and cv::VideoCapture give the same cv::Mat in BGR.
#include "../ppm.h"

#include <iostream>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <refinemask/refinemask.hpp>

//! View an image of OpenCV, also a part of one: nothing is copied.
refinemask::Image view(cv::Mat const& image)
{
    CV_Assert(image.type() == CV_8UC3);
    return {image.data, image.cols, image.rows, REFINEMASK_BGR,
        static_cast<std::int64_t>(image.step[0])};
}

//! View the mask of an object, 0 or 1: nothing is copied, so it lives as long as the Detections.
cv::Mat view(refinemask::Detections const& owner, refinemask::Detection const& object)
{
    // cv::Mat has no view of constant pixels; these are only read.
    auto* const pixels = const_cast<std::uint8_t*>(object.bitmap.data());
    return {static_cast<int>(owner.imageHeight()), static_cast<int>(owner.imageWidth()), CV_8UC1,
        pixels};
}

void draw(cv::Mat& image, cv::Mat const& mask, cv::Scalar const& colour)
{
    cv::Mat tinted;
    cv::addWeighted(image, 0.5, cv::Mat(image.size(), image.type(), colour), 0.5, 0.0, tinted);
    tinted.copyTo(image, mask);
    std::vector<std::vector<cv::Point>> outlines;
    cv::findContours(mask, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
    cv::drawContours(image, outlines, -1, colour, 2, cv::LINE_AA);
}

int main(int count, char** arguments)
try
{
    if (count != 4)
    {
        std::cerr << "usage: overlay MODEL.onnx photo.ppm overlay.ppm\n";
        return 2;
    }
    refinemask::Engine const engine(arguments[1]);
    Picture picture = readPicture(arguments[2]);
    cv::Mat const rgb(static_cast<int>(picture.height), static_cast<int>(picture.width), CV_8UC3,
        picture.pixels.data());
    cv::Mat image;
    cv::cvtColor(rgb, image, cv::COLOR_RGB2BGR);

    refinemask::PredictOptions options;
    options.scoreThreshold = 0.5F;
    refinemask::Detections const found = engine.predict(view(image), options);
    for (refinemask::Detection const& object : found)
    {
        cv::Mat const mask = view(found, object);
        std::cout << object.className << ' ' << object.score << ": " << cv::countNonZero(mask)
                  << " pixels in " << cv::boundingRect(mask) << '\n';
        draw(image, mask, {60, 60, 230});
    }

    cv::cvtColor(image, rgb, cv::COLOR_BGR2RGB); // into the pixels of the picture
    writePicture(arguments[3], picture);
    return 0;
}
catch (std::exception const& error)
{
    std::cerr << "overlay: " << error.what() << '\n';
    return 1;
}
