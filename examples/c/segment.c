/* Count the pixels of the objects in a picture, in C: segment_c MODEL.onnx photo.ppm */
#include <inttypes.h>
#include <refinemask/refinemask.h>
#include <stdio.h>
#include <stdlib.h>

/* Read a PPM picture of 8 bits; return its pixels, which the caller frees, or NULL. */
static uint8_t* read_picture(char const* path, int64_t* width, int64_t* height)
{
    FILE* const file = fopen(path, "rb");
    uint8_t* pixels = NULL;
    if (file != NULL && fscanf(file, "P6 %" SCNd64 " %" SCNd64 " 255", width, height) == 2
        && fgetc(file) != EOF && *width > 0 && *height > 0 && *width < 65536 && *height < 65536)
    {
        size_t const size = (size_t)(*width * *height * 3);
        pixels = malloc(size);
        if (pixels != NULL && fread(pixels, 1, size, file) != size)
        {
            free(pixels);
            pixels = NULL;
        }
    }
    if (file != NULL)
    {
        fclose(file);
    }
    return pixels;
}

static void print_objects(refinemask_detections const* found)
{
    int64_t const area = found->image_width * found->image_height;
    for (int64_t i = 0; i < found->count; ++i)
    {
        int64_t pixels = 0;
        for (int64_t j = 0; j < area; ++j)
        {
            pixels += found->bitmaps[i * area + j];
        }
        printf("%s %.3f: %" PRId64 " pixels\n", found->class_names[i], found->scores[i], pixels);
    }
}

int main(int count, char** arguments)
{
    if (count != 3)
    {
        fprintf(stderr, "usage: segment_c MODEL.onnx photo.ppm\n");
        return 2;
    }
    int64_t width = 0;
    int64_t height = 0;
    uint8_t* const pixels = read_picture(arguments[2], &width, &height);
    if (pixels == NULL)
    {
        fprintf(stderr, "segment_c: %s is not a PPM picture of 8 bits\n", arguments[2]);
        return 1;
    }
    refinemask_engine* engine = NULL;
    refinemask_detections* found = NULL;
    refinemask_image const image = {pixels, width, height, 0, REFINEMASK_RGB};
    refinemask_predict_options options = REFINEMASK_PREDICT_OPTIONS;
    options.score_threshold = 0.5F;
    refinemask_status status = refinemask_open(arguments[1], NULL, &engine);
    if (status == REFINEMASK_OK)
    {
        status = refinemask_predict(engine, &image, 1, &options, &found);
    }
    if (status == REFINEMASK_OK)
    {
        print_objects(found);
    }
    else
    {
        fprintf(stderr, "segment_c: %s\n", refinemask_last_error());
    }
    refinemask_free(found);
    refinemask_close(engine);
    free(pixels);
    return status == REFINEMASK_OK ? 0 : 1;
}
