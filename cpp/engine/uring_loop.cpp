#include "engine/uring_loop.h"
#include <stdexcept>
namespace zyphos {
std::string uring_missing() { return "being built"; }
std::unique_ptr<Loop> make_uring_loop(LoopSetup) { throw std::runtime_error("being built"); }
}  // namespace zyphos
