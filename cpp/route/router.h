// Router: which route takes a request's method and path. One face, five kinds, which all say the
// same and differ in speed and memory alone (kinds are held equal by router_test.cpp):
//
//   linear  each pattern in turn                                          O(routes)
//   hash    static paths in one hash table, patterns with parameters in turn
//   trie    a node for each segment; its literals sorted, searched by halves
//   radix   a node for each run of bytes, of 4, 16, 48 or 256 branches, as adaptive radix trees are
//   dfa     all patterns as one automaton on segments: no going back, one look for each segment
//
// trie and radix go back where a literal that fitted leads nowhere: at worst they visit each node
// once. dfa never does, and pays with states: at worst each set of nodes is one, so that their
// number is bounded (kStates_max), and more is refused when it is made.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "route/method.h"
#include "route/pattern.h"
#include "route/table.h"

namespace zyphos::route {

enum class Outcome : std::uint8_t { found, no_path, no_method };

// What came of a lookup. Only `outcome` has a meaning always; it is not cleared before.
struct Match {
  struct Piece {
    std::uint32_t at;
    std::uint32_t size;
  };

  Outcome outcome;
  MethodSet allow;      // no_method: what the path could be asked for
  std::uint32_t route;  // found: index in the table
  std::uint32_t count;  // found: of parameters
  const char* path;
  std::array<Piece, kParameters_max> pieces;

  // As it was sent, percent escapes and all (value.h decodes); points into the path.
  std::string_view parameter(std::size_t i) const { return {path + pieces[i].at, pieces[i].size}; }
};

// Thread safety: finding is const, and any number of threads may.
class Router {
 public:
  virtual ~Router() = default;
  // `path`: as on the request line, without the query; kReadPadding readable bytes follow it, as
  // they do every input that a connection is shown. At most 4 GiB. Allocates nothing.
  virtual void find(Method method, std::string_view path, Match& match) const = 0;
  // Of all that a lookup may look at.
  virtual std::size_t memory_bytes() const = 0;
};

enum class Kind : std::uint8_t { linear, hash, trie, radix, dfa };
inline constexpr std::array<std::string_view, 5> kKinds = {"linear", "hash", "trie", "radix",
                                                           "dfa"};
inline constexpr std::size_t kStates_max = 4'000'000;

// `table` outlives it. Error: one line.
std::expected<std::unique_ptr<Router>, std::string> make_router(
    Kind kind, const Table& table, std::size_t states_max = kStates_max);

// Up to the query.
constexpr std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

}  // namespace zyphos::route
