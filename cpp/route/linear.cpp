// Linear: each pattern in turn. What most small frameworks do, and the rule for the others.
#include "route/in_turn.h"
#include "route/kinds.h"

namespace zyphos::route {
namespace {

class Linear final : public Router {
 public:
  explicit Linear(const Table& table)
      : depth_(table.segments_max()),
        leaves_(table),
        patterns_(table, [](const Pattern&) { return true; }) {}

  void find(Method method, std::string_view path, Match& match) const override {
    if (!begin_match(path, match)) return;
    Split split;
    split_path(path, depth_, split);
    if (!patterns_.find(method, path, split, leaves_, match)) end_match(match);
  }

  std::size_t memory_bytes() const override {
    return leaves_.memory_bytes() + patterns_.memory_bytes();
  }

 private:
  std::uint32_t depth_;
  Leaves leaves_;
  InTurn patterns_;
};

}  // namespace

std::unique_ptr<Router> make_linear(const Table& table) { return std::make_unique<Linear>(table); }

}  // namespace zyphos::route
