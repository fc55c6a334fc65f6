#include "link/counters.h"

#include <array>

namespace zyphos::link {
namespace {

constexpr std::array<std::string_view, LinkCounters::kCount> kNames{
#define X(name, text) "forward_" #name,
    ZYPHOS_LINK_COUNTERS(X)
#undef X
#define X(name, text) "backward_" #name,
        ZYPHOS_LINK_COUNTERS(X)
#undef X
};

}  // namespace

std::string_view LinkCounters::name(std::size_t index) { return kNames[index]; }

std::string_view direction_name(Direction direction) {
  return direction == Direction::forward ? "forward" : "backward";
}

}  // namespace zyphos::link
