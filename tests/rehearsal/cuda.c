/* The driver beneath cudart.c: gcc -shared -fPIC -o DIR/libcuda.so.1 cuda.c, then DIR into
   LD_LIBRARY_PATH. */
int cuInit(unsigned flags) { return 0; }
int cuDriverGetVersion(int *version) { *version = 13020; return 0; }
int cuGetErrorString(int error, const char **text) { *text = "pretended"; return 0; }
int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
    *flags = 0;
    *active = 1;
    return 0;
}

#define SUCCEEDS(name) int name(void) { return 0; }
SUCCEEDS(cuCtxGetCurrent)
SUCCEEDS(cuCtxSetCurrent)
SUCCEEDS(cuStreamGetCtx)
