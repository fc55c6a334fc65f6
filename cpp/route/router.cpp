#include "route/router.h"

#include "base/check.h"
#include "route/kinds.h"

namespace zyphos::route {

std::expected<std::unique_ptr<Router>, std::string> make_router(Kind kind, const Table& table,
                                                                std::size_t states_max) {
  switch (kind) {
    case Kind::linear: return make_linear(table);
    case Kind::hash: return make_hash(table);
    case Kind::trie: return make_trie(table);
    case Kind::radix: return make_radix(table);
    case Kind::dfa: return make_dfa(table, states_max);
  }
  ZY_CHECK(false);
  return nullptr;
}

}  // namespace zyphos::route
