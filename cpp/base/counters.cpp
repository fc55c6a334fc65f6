#include "base/counters.h"

namespace zyphos {
namespace {

constexpr std::array<std::string_view, kBoardCounterCount> kNames{
#define X(name, text) #name,
    ZYPHOS_COUNTERS(X)
#undef X
#define X(name, text) "error_" #name,
        ZYPHOS_ERRC(X)
#undef X
};

}  // namespace

std::string_view Counters::name(std::size_t index) { return kNames[index]; }

}  // namespace zyphos
