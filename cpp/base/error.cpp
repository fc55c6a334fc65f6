#include "base/error.h"

#include <array>

namespace zyphos {
namespace {

struct Entry {
  std::string_view name;
  std::string_view text;
};

constexpr std::array<Entry, kErrcCount> kEntries{{
#define X(name, text) {#name, text},
    ZYPHOS_ERRC(X)
#undef X
}};

}  // namespace

std::string_view errc_name(Errc code) { return kEntries[static_cast<std::size_t>(code)].name; }
std::string_view errc_text(Errc code) { return kEntries[static_cast<std::size_t>(code)].text; }

}  // namespace zyphos
