// The C interface of librefinemask: instance segmentation in C and C++ programs, without Python.
//
// Errors: a function that can fail returns a status, and refinemask_last_error() describes the last
// failure of the calling thread. Nothing is written to the outputs of a function that fails.
//
// Threads: functions may be called from any thread. An engine and a cancellation may be used by
// several threads at once. One that is freed meanwhile ends when the last of these calls does, and
// calls that name it afterwards are refused.
//
// Memory: whatever a function hands out as a pointer to a pointer is one block, which stays valid
// until it is given to the one function that frees such blocks, and not to free(). Everything that
// the block points to is inside it. What the caller hands in is read during the call only.
//
// Coordinates: boxes are xyxy in pixels of the image as given: x to the right, y down, from the
// outer corner of the top left pixel.
//
// Structs that the caller fills start with their size, so that later versions can append fields:
// initialise them with the macro of their name, such as REFINEMASK_PREDICT_OPTIONS.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
{
#endif

//! Changes when programs have to be compiled again, as it does when the first number of the version
//! of the package changes.
#define REFINEMASK_ABI_VERSION 0

    typedef enum refinemask_status
    {
        REFINEMASK_OK = 0,
        REFINEMASK_INVALID_ARGUMENT = 1, //!< an argument is not as described
        REFINEMASK_INVALID_ARTIFACT = 2, //!< the file is missing, damaged or not an artifact
        REFINEMASK_RUNTIME_MISSING = 3,  //!< a shared library is missing or of an unfit version
        REFINEMASK_RUNTIME_FAILED = 4, //!< the runtime refuses the artifact or fails while it runs
        REFINEMASK_OUT_OF_MEMORY = 5,
        REFINEMASK_TIMED_OUT = 6,
        REFINEMASK_CANCELLED = 7,
        REFINEMASK_INTERNAL_ERROR = 8 //!< a bug, of which the message helps to find the cause
    } refinemask_status;

    //! Return REFINEMASK_ABI_VERSION of the library; a program checks that it is its own.
    uint32_t refinemask_abi_version(void);

    //! Return the version of the package that the library belongs to.
    char const* refinemask_version(void);

    //! Return what failed last in this thread, as UTF-8; "" if nothing has. Valid until the next
    //! failure in this thread.
    char const* refinemask_last_error(void);

    typedef enum refinemask_log_level
    {
        REFINEMASK_LOG_ERROR = 0,
        REFINEMASK_LOG_WARNING = 1,
        REFINEMASK_LOG_INFO = 2
    } refinemask_log_level;

    //! Takes a message, which is valid during the call only. It may be called by several threads at
    //! once, and must not call this library.
    typedef void (*refinemask_log_function)(
        refinemask_log_level level, char const* message, void* user_data);

    //! Choose who takes the messages of this library and of ONNX Runtime, up to a level: NULL for
    //! nobody, as at the start. When it returns, the one before is not running and is not called
    //! again.
    void refinemask_set_log(
        refinemask_log_function function, void* user_data, refinemask_log_level most);

    // --- Engines ---------------------------------------------------------------------------------

    //! Runs one artifact, or an engine that was built from one.
    typedef struct refinemask_engine refinemask_engine;

    typedef struct refinemask_engine_options
    {
        size_t struct_size;
        //! "onnxruntime" or "openvino" for artifacts; "tensorrt" or "tensorrt_rtx" for engines.
        char const* runtime;
        //! "cpu"; with ONNX Runtime also "cuda" or "cuda:N". Engines run on "cuda" or "cuda:N",
        //! and "cpu" means "cuda" for them.
        char const* device;
        //! Shared library of the runtime. If NULL: what the environment variable
        //! REFINEMASK_ONNXRUNTIME, REFINEMASK_OPENVINO, REFINEMASK_TENSORRT or
        //! REFINEMASK_TENSORRT_RTX names, or else what the system finds by the usual name.
        char const* runtime_library;
        //! Shared library of our operators, for fused artifacts, or of our plugins, for engines of
        //! them. If NULL: the one beside this library, or in the folder that REFINEMASK_LIBRARY_DIR
        //! names.
        char const* operator_library;
        //! CPU threads for one inference; 0 leaves the number to the runtime.
        int32_t threads;
    } refinemask_engine_options;

#define REFINEMASK_ENGINE_OPTIONS                                                                  \
    {sizeof(refinemask_engine_options), "onnxruntime", "cpu", NULL, NULL, 0}

    //! Open an artifact that refinemask-export has written, or an engine of TensorRT that
    //! refinemask build has written, with its record beside it.
    //!
    //! \param path UTF-8.
    //! \param options NULL for those of REFINEMASK_ENGINE_OPTIONS.
    //! \param engine to be freed with refinemask_close().
    refinemask_status refinemask_open(
        char const* path, refinemask_engine_options const* options, refinemask_engine** engine);

    //! Free an engine; NULL is allowed.
    void refinemask_close(refinemask_engine* engine);

    //! What an artifact is. A later version of the library may append fields.
    typedef struct refinemask_info
    {
        char const* preset;
        char const* form;      //!< "portable", "fused" or "static"
        char const* precision; //!< "float32"
        char const* outputs;   //!< "detections", or "masks" if it is given boxes
        int64_t class_count;
        char const* const* class_names; //!< class_count, by label
        int64_t const* category_ids;    //!< class_count, those of the dataset
        int64_t max_detections;         //!< most detections of an image
        int64_t short_side;             //!< images are resized to at most this, in pixels,
        int64_t long_side;              //!< and this
        int64_t batch;                  //!< images of every batch, 0 if any number
        char const* metadata;           //!< all of it, as JSON
        char const* sha256;             //!< of the file, of an artifact up to its seal
    } refinemask_info;

    //! Read what an artifact or an engine (.engine, .plan) is, without a runtime; free it with
    //! refinemask_free().
    refinemask_status refinemask_read_info(char const* path, refinemask_info** info);

    //! Return what the artifact of an engine is, valid as long as the engine.
    refinemask_info const* refinemask_engine_info(refinemask_engine const* engine);

    //! Return name and version of the runtime of an engine, valid as long as the engine.
    char const* refinemask_engine_runtime(refinemask_engine const* engine);

    //! Free a block; NULL is allowed. Engines and cancellations are no blocks.
    void refinemask_free(void* block);

    //! Run an engine once on a black image of a size, so that the first prediction is as fast as
    //! those that follow: runtimes find memory and kernels when they first see a size.
    refinemask_status refinemask_warm_up(refinemask_engine* engine, int64_t width, int64_t height);

    // --- Images ----------------------------------------------------------------------------------

    typedef enum refinemask_pixel_format
    {
        REFINEMASK_RGB = 0,
        REFINEMASK_BGR = 1,
        REFINEMASK_RGBA = 2, //!< alpha is ignored
        REFINEMASK_BGRA = 3, //!< likewise
        REFINEMASK_GREY = 4
    } refinemask_pixel_format;

    //! An image of 8 bits a channel, in memory of the host or, in calls that say so, of a GPU (see
    //! refinemask_memory).
    typedef struct refinemask_image
    {
        uint8_t const* data; //!< the top left pixel
        int64_t width;       //!< in pixels
        int64_t height;      //!< in pixels
        int64_t stride;      //!< bytes from one row to the next; 0 if nothing is between them
        refinemask_pixel_format format;
    } refinemask_image;

    //! An image as the network takes it.
    typedef struct refinemask_prepared
    {
        uint8_t const* data;   //!< RGB, padded_height x padded_width x 3, padded with zeros
        int64_t padded_height; //!< in pixels
        int64_t padded_width;  //!< in pixels
        int64_t height;        //!< of the resized image at the top left
        int64_t width;         //!< likewise
    } refinemask_prepared;

    //! Resize and pad an image, which is in memory of the host, as refinemask_predict() does; free
    //! the result with refinemask_free(). For comparison with another program's preprocessing.
    refinemask_status refinemask_preprocess(refinemask_engine const* engine,
        refinemask_image const* image, refinemask_prepared** prepared);

    // --- Detections ------------------------------------------------------------------------------

    typedef enum refinemask_mask_format
    {
        REFINEMASK_MASKS_BITMAP = 0, //!< a byte for each pixel of the image
        REFINEMASK_MASKS_CROP = 1,   //!< a byte for each pixel that the box touches
        REFINEMASK_MASKS_RLE = 2,    //!< run lengths as COCO compresses them
        REFINEMASK_MASKS_PROBS = 3,  //!< as the network returns them
        REFINEMASK_MASKS_NONE = 4,
        REFINEMASK_MASKS_POLYGONS = 5 //!< along the edges of the pixels
    } refinemask_mask_format;

    //! The part of a mask around its object; there is none of it elsewhere.
    typedef struct refinemask_crop
    {
        int64_t x; //!< of its top left pixel in the image
        int64_t y;
        int64_t width;
        int64_t height;
        uint8_t const* pixels; //!< height x width, 0 or 1
    } refinemask_crop;

    //! A part of a mask whose pixels touch: its edge, clockwise on the screen. A hole is joined to
    //! the outline around it by a cut of no width.
    typedef struct refinemask_polygon
    {
        int64_t corner_count;
        int32_t const* corners; //!< corner_count x 2: x and y; pixel k covers k to k + 1
    } refinemask_polygon;

    //! A mask as polygons.
    typedef struct refinemask_outline
    {
        int64_t part_count;
        refinemask_polygon const* parts; //!< part_count; from the top of the image
    } refinemask_outline;

    //! Objects found in an image, by descending score. A later version may append fields.
    typedef struct refinemask_detections
    {
        int64_t count;
        int64_t image_width;
        int64_t image_height;
        float const* boxes;             //!< count x 4
        float const* scores;            //!< count
        int64_t const* labels;          //!< count
        char const* const* class_names; //!< count
        uint8_t const* bitmaps;       //!< count x image_height x image_width, 0 or 1; or else NULL
        refinemask_crop const* crops; //!< count, or else NULL
        char const* const* rles; //!< count counts, of size [image_height, image_width]; or NULL
        float const* probs;      //!< count x mask_size x mask_size, or else NULL
        int64_t mask_size;
        refinemask_outline const* outlines; //!< count, or else NULL
        //! 1 if an artifact of the static form found more candidates than it considers; else 0.
        int32_t truncated;
    } refinemask_detections;

    //! Ends predictions that another thread waits for.
    typedef struct refinemask_cancellation refinemask_cancellation;

    //! Make one, to be freed with refinemask_free_cancellation().
    refinemask_status refinemask_new_cancellation(refinemask_cancellation** cancellation);

    //! End the predictions that have been given it, now and later; safe in any thread.
    void refinemask_cancel(refinemask_cancellation* cancellation);

    //! Free one that no prediction uses any more; NULL is allowed.
    void refinemask_free_cancellation(refinemask_cancellation* cancellation);

    //! Where the pixels of images are.
    typedef enum refinemask_memory
    {
        REFINEMASK_MEMORY_HOST = 0,
        //! Memory of the GPU that the engine runs on, which CUDA has allocated in its primary
        //! context, as the CUDA runtime does: `data` is an address there. The images are resized
        //! and padded on the GPU, by librefinemask_cuda.so, which is beside this library or in the
        //! folder that REFINEMASK_LIBRARY_DIR names. The pixels must be ready when the call is made
        //! (no stream of the program is waited for), and are no longer read when it returns.
        //! An engine that runs on the CPU refuses such images.
        REFINEMASK_MEMORY_GPU = 1
    } refinemask_memory;

    //! Where the time of a call went, in nanoseconds.
    typedef struct refinemask_times
    {
        int64_t preprocess;  //!< images to tensors
        int64_t inference;   //!< in the runtime
        int64_t postprocess; //!< its outputs to detections
    } refinemask_times;

    typedef struct refinemask_predict_options
    {
        size_t struct_size;
        refinemask_mask_format masks;
        float score_threshold;  //!< detections with lower scores are left out
        int64_t max_detections; //!< the most that are kept of an image; negative for all
        int64_t timeout_ms;     //!< after which the call fails; 0 for none
        refinemask_cancellation* cancellation; //!< or NULL
        refinemask_times* times;               //!< is written if the call succeeds; or NULL
        refinemask_memory image_memory;        //!< of the pixels of all images of the call
    } refinemask_predict_options;

#define REFINEMASK_PREDICT_OPTIONS                                                                 \
    {sizeof(refinemask_predict_options), REFINEMASK_MASKS_BITMAP, 0.0F, -1, 0, NULL, NULL,         \
        REFINEMASK_MEMORY_HOST}

    //! Detect objects in images. Those of equal padded size run as batches.
    //!
    //! \param images `count` of them, at least one, of any sizes.
    //! \param options NULL for those of REFINEMASK_PREDICT_OPTIONS.
    //! \param detections `count` pointers, each of which is set to a block for refinemask_free().
    refinemask_status refinemask_predict(refinemask_engine* engine, refinemask_image const* images,
        size_t count, refinemask_predict_options const* options,
        refinemask_detections** detections);

    //! Objects of one image whose masks are wanted, for example those that a detector has found.
    typedef struct refinemask_boxes
    {
        int64_t count;        //!< up to 1000
        float const* corners; //!< count x 4, xyxy in pixels of the image, to which they are clipped
        int64_t const* labels; //!< count; NULL if the artifact has one class
        float const* scores;   //!< count, which are handed through; NULL for 1
    } refinemask_boxes;

    //! Predict the masks of given boxes, by an artifact that was exported with --outputs masks.
    //!
    //! \param options as those of refinemask_predict(), but score_threshold and max_detections:
    //! all boxes are kept, in their order. The mask of a box without area is empty.
    //! \param detections is set to a block for refinemask_free().
    refinemask_status refinemask_segment(refinemask_engine* engine, refinemask_image const* image,
        refinemask_boxes const* boxes, refinemask_predict_options const* options,
        refinemask_detections** detections);

#ifdef __cplusplus
}
#endif
