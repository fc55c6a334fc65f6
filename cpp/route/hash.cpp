// Hash: a path without parameters is one look into a hash table; what has parameters is tried in
// turn. A static path is always more specific than any pattern that fits it too.
#include <unordered_map>

#include "route/in_turn.h"
#include "route/kinds.h"

namespace zyphos::route {
namespace {

class Hash final : public Router {
 public:
  explicit Hash(const Table& table)
      : depth_(table.segments_max()),
        leaves_(table),
        patterns_(table, [](const Pattern& pattern) { return !pattern.is_static(); }) {
    const auto shapes = table.shapes();
    for (std::uint32_t i = 0; i < shapes.size(); ++i) {
      if (shapes[i].pattern.is_static()) statics_.emplace(shapes[i].pattern.shape(), i);
    }
  }

  void find(Method method, std::string_view path, Match& match) const override {
    if (!begin_match(path, match)) return;
    if (const auto found = statics_.find(path); found != statics_.end()) {
      if (leaves_.take(found->second, method, match)) {
        match.count = 0;
        match.path = path.data();
        return;
      }
    }
    Split split;
    split_path(path, depth_, split);
    if (!patterns_.find(method, path, split, leaves_, match)) end_match(match);
  }

  std::size_t memory_bytes() const override {
    // A node of the table: its link, the pair, the hash.
    constexpr std::size_t kNode_bytes = 2 * sizeof(void*) + sizeof(decltype(statics_)::value_type);
    std::size_t bytes = leaves_.memory_bytes() + patterns_.memory_bytes() +
                        statics_.bucket_count() * sizeof(void*) + statics_.size() * kNode_bytes;
    for (const auto& [text, leaf] : statics_) {
      if (text.capacity() >= sizeof(std::string) / 2) bytes += text.capacity() + 1;
    }
    return bytes;
  }

 private:
  struct HashOfText {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  std::uint32_t depth_;
  Leaves leaves_;
  InTurn patterns_;
  std::unordered_map<std::string, std::uint32_t, HashOfText, std::equal_to<>> statics_;
};

}  // namespace

std::unique_ptr<Router> make_hash(const Table& table) { return std::make_unique<Hash>(table); }

}  // namespace zyphos::route
