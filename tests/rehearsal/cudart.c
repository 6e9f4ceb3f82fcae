/* A CUDA runtime that pretends: FAKE_GPUS devices whose memory is the host's, on which nothing runs.
   What is computed is computed by mode.py; this only lets torch believe that there is a device.
   gcc -shared -fPIC -o cudart.so cudart.c, then LD_PRELOAD it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static __thread int current = 0;

static int count(void) {
    char *gpus = getenv("FAKE_GPUS");
    return gpus ? atoi(gpus) : 1;
}

#define SUCCEEDS(name) int name(void) { return 0; }
SUCCEEDS(cudaDeviceSynchronize)
SUCCEEDS(cudaEventDestroy)
SUCCEEDS(cudaEventQuery)
SUCCEEDS(cudaEventRecord)
SUCCEEDS(cudaEventRecordWithFlags)
SUCCEEDS(cudaEventSynchronize)
SUCCEEDS(cudaFree)
SUCCEEDS(cudaFreeHost)
SUCCEEDS(cudaGetLastError)
SUCCEEDS(cudaHostRegister)
SUCCEEDS(cudaHostUnregister)
SUCCEEDS(cudaLaunchKernel)
SUCCEEDS(cudaPeekAtLastError)
SUCCEEDS(cudaSetDeviceFlags)
SUCCEEDS(cudaStreamDestroy)
SUCCEEDS(cudaStreamQuery)
SUCCEEDS(cudaStreamSynchronize)
SUCCEEDS(cudaStreamWaitEvent)
SUCCEEDS(cudaThreadExchangeStreamCaptureMode)

int cudaGetDeviceCount(int *n) { *n = count(); return 0; }
int cudaGetDevice(int *device) { *device = current; return 0; }
int cudaSetDevice(int device) {
    if (device < 0 || device >= count()) return 101; /* cudaErrorInvalidDevice */
    current = device;
    return 0;
}
int cudaInitDevice(int device, unsigned flags, unsigned more) { return cudaSetDevice(device); }
int cudaDriverGetVersion(int *version) { *version = 13020; return 0; }
int cudaRuntimeGetVersion(int *version) { *version = 13020; return 0; }
int cudaDeviceCanAccessPeer(int *can, int a, int b) { *can = 0; return 0; }
int cudaDeviceGetStreamPriorityRange(int *least, int *most) { *least = 0; *most = -5; return 0; }
int cudaDeviceGetAttribute(int *value, int attribute, int device) {
    /* 75, 76: compute capability 9.0; 16: multiprocessors */
    *value = attribute == 75 ? 9 : attribute == 16 ? 132 : 0;
    return 0;
}

/* The layout of cudaDeviceProp in CUDA 12 and 13; the numbers are offsets in bytes. */
int cudaGetDeviceProperties(char *properties, int device) {
    memset(properties, 0, 900);
    strcpy(properties, "Pretended H100");
    memcpy(properties + 256, "0123456789abcdef", 16);
    *(size_t *)(properties + 288) = 80ull << 30; /* totalGlobalMem */
    *(size_t *)(properties + 296) = 49152;       /* sharedMemPerBlock */
    *(int *)(properties + 304) = 65536;          /* regsPerBlock */
    *(int *)(properties + 308) = 32;             /* warpSize */
    *(int *)(properties + 320) = 1024;           /* maxThreadsPerBlock */
    *(int *)(properties + 360) = 9;              /* major */
    *(int *)(properties + 384) = 132;            /* multiProcessorCount */
    return 0;
}

int cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    char *told = getenv("FAKE_FREE");
    *free_bytes = told ? strtoull(told, 0, 10) : 79ull << 30;
    *total = 80ull << 30;
    return 0;
}
int cudaMalloc(void **pointer, size_t bytes) { *pointer = malloc(bytes); return 0; }
int cudaHostAlloc(void **pointer, size_t bytes, unsigned flags) {
    *pointer = malloc(bytes);
    return 0;
}
int cudaMemcpy(void *to, const void *from, size_t bytes, int kind) {
    memcpy(to, from, bytes);
    return 0;
}
int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) {
    memcpy(to, from, bytes);
    return 0;
}
int cudaMemsetAsync(void *pointer, int value, size_t bytes, void *stream) {
    memset(pointer, value, bytes);
    return 0;
}
int cudaPointerGetAttributes(int *attributes, const void *pointer) {
    memset(attributes, 0, 32);
    return 0;
}

int cudaEventCreateWithFlags(void **event, unsigned flags) { *event = malloc(8); return 0; }
int cudaEventElapsedTime(float *milliseconds, void *from, void *to) {
    *milliseconds = 1;
    return 0;
}
int cudaStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
    *stream = malloc(8);
    return 0;
}
int cudaStreamIsCapturing(void *stream, int *status) { *status = 0; return 0; }
int cudaStreamGetCaptureInfo(void *stream, int *status, unsigned long long *id) {
    *status = 0;
    if (id) *id = 0;
    return 0;
}
