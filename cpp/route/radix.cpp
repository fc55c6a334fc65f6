// Radix: an adaptive radix tree (Leis, Kemper and Neumann, 2013) on the patterns' bytes. A node
// begins with the bytes that all below it share, and has room for 4, 16, 48 or 256 branches, as few
// as do. Parameters hang on nodes whose bytes end with a slash.
#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/check.h"
#include "route/kinds.h"
#include "route/leaf.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace zyphos::route {
namespace {

// A pattern's bytes, and beyond them what takes a segment: expressions by their number first.
using Token = std::uint32_t;
constexpr Token kFirstExpression = 256;
constexpr Token kParameter = 0xfffffffe;
constexpr Token kRest = 0xffffffff;

struct Item {
  std::vector<Token> tokens;
  std::uint32_t leaf;
};

Item item_of(const Shape& shape, std::uint32_t leaf) {
  Item item{.tokens = {}, .leaf = leaf};
  const auto& segments = shape.pattern.segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    item.tokens.push_back('/');
    switch (segments[i].kind) {
      case SegmentKind::literal:
        for (const char c : segments[i].text) {
          item.tokens.push_back(static_cast<unsigned char>(c));
        }
        break;
      case SegmentKind::regex: item.tokens.push_back(kFirstExpression + shape.regexes[i]); break;
      case SegmentKind::parameter: item.tokens.push_back(kParameter); break;
      case SegmentKind::rest: item.tokens.push_back(kRest); break;
    }
  }
  return item;
}

// Branches by byte, each room in a field of its own; child 0, the root, is nobody's: none.
struct Room4 {
  std::array<std::uint8_t, 4> keys{};
  std::array<std::uint32_t, 4> children{};
};
struct Room16 {
  std::array<std::uint8_t, 16> keys{};
  std::array<std::uint32_t, 16> children{};
};
struct Room48 {
  std::array<std::uint8_t, 256> places{};  // 0: none
  std::array<std::uint32_t, 49> children{};
};
struct Room256 {
  std::array<std::uint32_t, 256> children{};
};

enum class Size : std::uint8_t { none, four, sixteen, fortyeight, all };

struct Node {
  std::uint32_t prefix = 0;  // in the bytes
  std::uint16_t prefix_size = 0;
  std::uint8_t branches = 0;
  Size size = Size::none;
  std::uint32_t room = 0;  // in the field of that size
  std::uint32_t leaf = kNone;
  // Beyond bytes; in most nodes nothing.
  bool choices = false;
  std::uint32_t parameter = 0;
  std::uint32_t rest = kNone;
  std::uint32_t expressions = 0;
  std::uint32_t expressions_count = 0;
};

struct Expression {
  std::uint32_t regex;
  std::uint32_t child;
};

struct Ranked {
  std::uint32_t leaf;
  Expression expression;
};

struct Tree {
  std::vector<Node> nodes;
  std::string bytes;
  std::vector<Expression> expressions;
  std::vector<Room4> fours;
  std::vector<Room16> sixteens;
  std::vector<Room48> fortyeights;
  std::vector<Room256> alls;

  std::size_t memory_bytes() const {
    return nodes.size() * sizeof(Node) + bytes.size() + expressions.size() * sizeof(Expression) +
           fours.size() * sizeof(Room4) + sixteens.size() * sizeof(Room16) +
           fortyeights.size() * sizeof(Room48) + alls.size() * sizeof(Room256);
  }
};

using Branches = std::vector<std::pair<std::uint8_t, std::uint32_t>>;

class Maker {
 public:
  explicit Maker(const Table& table) {
    const auto shapes = table.shapes();
    for (std::uint32_t i = 0; i < shapes.size(); ++i) items_.push_back(item_of(shapes[i], i));
    std::ranges::sort(items_, {}, &Item::tokens);
  }

  Tree make() {
    node(items_, 0);
    tree_.bytes.resize(tree_.bytes.size() + sizeof(std::uint64_t));
    return std::move(tree_);
  }

 private:
  // Of items that are equal up to `at`; they lie together, in order. As deep as patterns are long.
  std::uint32_t node(std::span<const Item> items, std::size_t at) {
    const auto index = static_cast<std::uint32_t>(tree_.nodes.size());
    tree_.nodes.emplace_back();
    Node made;
    const std::size_t end = items.empty() ? at : shared(items, at);
    made.prefix = static_cast<std::uint32_t>(tree_.bytes.size());
    made.prefix_size = static_cast<std::uint16_t>(end - at);
    for (; at < end; ++at) tree_.bytes += static_cast<char>(items[0].tokens[at]);
    if (!items.empty() && items[0].tokens.size() == at) {
      made.leaf = items[0].leaf;
      items = items.subspan(1);
    }
    put_tokens(made, items, at);
    tree_.nodes[index] = made;
    return index;
  }

  // What follows the node's bytes, by the next token of each item.
  void put_tokens(Node& made, std::span<const Item> items, std::size_t at) {
    Branches branches;
    std::vector<Ranked> expressions;
    while (!items.empty()) {
      const Token token = items[0].tokens[at];
      const auto others =
          std::ranges::find_if(items, [&](const Item& item) { return item.tokens[at] != token; });
      const auto same = items.first(static_cast<std::size_t>(others - items.begin()));
      items = items.subspan(same.size());
      if (token == kRest) {
        made.rest = same[0].leaf;
      } else if (const std::uint32_t child = node(same, at + 1); token == kParameter) {
        made.parameter = child;
      } else if (token >= kFirstExpression) {
        expressions.push_back({same[0].leaf, {token - kFirstExpression, child}});
      } else {
        branches.emplace_back(static_cast<std::uint8_t>(token), child);
      }
    }
    put_expressions(made, expressions);
    put_branches(made, branches);
    made.choices = made.parameter != 0 || made.rest != kNone || !expressions.empty();
  }

  // Up to where all items hold the same bytes. The first and the last one differ most.
  static std::size_t shared(std::span<const Item> items, std::size_t at) {
    const auto& first = items.front().tokens;
    const auto& last = items.back().tokens;
    while (at < first.size() && at < last.size() && first[at] == last[at] &&
           first[at] < kFirstExpression) {
      ++at;
    }
    return at;
  }

  // In the order in which they are tried, which is that of any of their leaves.
  void put_expressions(Node& made, std::vector<Ranked>& expressions) {
    std::ranges::sort(expressions, {}, &Ranked::leaf);
    made.expressions = static_cast<std::uint32_t>(tree_.expressions.size());
    made.expressions_count = static_cast<std::uint32_t>(expressions.size());
    for (const Ranked& one : expressions) tree_.expressions.push_back(one.expression);
  }

  template <class Room>
  static void put_keys(Node& made, std::vector<Room>& field, const Branches& branches) {
    made.room = static_cast<std::uint32_t>(field.size());
    Room& room = field.emplace_back();
    for (std::size_t i = 0; i < branches.size(); ++i) {
      room.keys[i] = branches[i].first;
      room.children[i] = branches[i].second;
    }
  }

  void put_branches(Node& made, const Branches& branches) {
    made.branches = static_cast<std::uint8_t>(std::min<std::size_t>(branches.size(), 255));
    if (branches.empty()) return;
    if (branches.size() <= 4) {
      made.size = Size::four;
      put_keys(made, tree_.fours, branches);
    } else if (branches.size() <= 16) {
      made.size = Size::sixteen;
      put_keys(made, tree_.sixteens, branches);
    } else if (branches.size() <= 48) {
      made.size = Size::fortyeight;
      made.room = static_cast<std::uint32_t>(tree_.fortyeights.size());
      Room48& room = tree_.fortyeights.emplace_back();
      for (std::uint8_t i = 0; i < branches.size(); ++i) {
        room.places[branches[i].first] = static_cast<std::uint8_t>(i + 1);
        room.children[i + 1U] = branches[i].second;
      }
    } else {
      made.size = Size::all;
      made.room = static_cast<std::uint32_t>(tree_.alls.size());
      Room256& room = tree_.alls.emplace_back();
      for (const auto& [key, child] : branches) room.children[key] = child;
    }
  }

  std::vector<Item> items_;
  Tree tree_;
};

class Radix final : public Router {
 public:
  explicit Radix(const Table& table) : table_(table), leaves_(table), tree_(Maker(table).make()) {}

  void find(Method method, std::string_view path, Match& match) const override {
    if (!begin_match(path, match)) return;
    if (!from(0, {method, path, match}, 0, 0)) end_match(match);
  }

  std::size_t memory_bytes() const override {
    return leaves_.memory_bytes() + tree_.memory_bytes();
  }

 private:
  struct Walk {
    Method method;
    std::string_view path;
    Match& match;
  };

  std::uint32_t child(const Node& node, std::uint8_t key) const {
    switch (node.size) {
      case Size::none: return 0;
      case Size::four: {
        const Room4& room = tree_.fours[node.room];
        for (std::size_t i = 0; i < node.branches; ++i) {
          if (room.keys[i] == key) return room.children[i];
        }
        return 0;
      }
      case Size::sixteen: return among_sixteen(node, key);
      case Size::fortyeight: {
        const Room48& room = tree_.fortyeights[node.room];
        return room.children[room.places[key]];
      }
      case Size::all: return tree_.alls[node.room].children[key];
    }
    return 0;
  }

  std::uint32_t among_sixteen(const Node& node, std::uint8_t key) const {
    const Room16& room = tree_.sixteens[node.room];
#if defined(__SSE2__)
    const __m128i keys = _mm_loadu_si128(reinterpret_cast<const __m128i*>(room.keys.data()));
    const __m128i same = _mm_cmpeq_epi8(keys, _mm_set1_epi8(static_cast<char>(key)));
    const auto hits =
        static_cast<std::uint32_t>(_mm_movemask_epi8(same)) & ((1U << node.branches) - 1);
    return hits == 0 ? 0 : room.children[static_cast<unsigned>(std::countr_zero(hits))];
#else
    for (std::size_t i = 0; i < node.branches; ++i) {
      if (room.keys[i] == key) return room.children[i];
    }
    return 0;
#endif
  }

  bool ends(std::uint32_t leaf, const Walk& walk, std::uint32_t count) const {
    if (leaf == kNone || !leaves_.take(leaf, walk.method, walk.match)) return false;
    walk.match.count = count;
    walk.match.path = walk.path.data();
    return true;
  }

  // Whether the path's bytes from `at` on lead to a leaf in or below the node; `count` pieces are
  // there. Calls itself only where there is a choice, so as deep as there are segments.
  bool from(std::uint32_t index, const Walk& walk, std::uint32_t at, std::uint32_t count) const {
    const auto size = static_cast<std::uint32_t>(walk.path.size());
    while (true) {
      const Node& node = tree_.nodes[index];
      if (size - at < node.prefix_size || !same_prefix(node, walk.path.data() + at)) return false;
      at += node.prefix_size;
      if (at == size) return ends(node.leaf, walk, count);
      index = child(node, static_cast<std::uint8_t>(walk.path[at]));
      if (node.choices) {
        if (index != 0 && from(index, walk, at + 1, count)) return true;
        return by_choice(node, walk, at, count);
      }
      if (index == 0) return false;
      ++at;
    }
  }

  // 8 bytes at a time: both have as many behind them as that takes.
  bool same_prefix(const Node& node, const char* at) const {
    const char* const prefix = tree_.bytes.data() + node.prefix;
    for (std::uint32_t done = 0; done < node.prefix_size; done += 8) {
      std::uint64_t one;
      std::uint64_t other;
      std::memcpy(&one, at + done, sizeof one);
      std::memcpy(&other, prefix + done, sizeof other);
      const std::uint32_t left = node.prefix_size - done;
      if (((one ^ other) << (left < 8 ? 64 - 8 * left : 0)) != 0) return false;
    }
    return true;
  }

  bool by_choice(const Node& node, const Walk& walk, std::uint32_t at, std::uint32_t count) const {
    const auto size = static_cast<std::uint32_t>(walk.path.size());
    const std::uint32_t end = segment_end(walk.path, at);
    if (end > at) {
      walk.match.pieces[count] = {at, end - at};
      if (by_expression(node, walk, {at, end - at}, count)) return true;
      if (node.parameter != 0 && from(node.parameter, walk, end, count + 1)) return true;
    }
    if (node.rest == kNone) return false;
    walk.match.pieces[count] = {at, size - at};
    return ends(node.rest, walk, count + 1);
  }

  bool by_expression(const Node& node, const Walk& walk, Match::Piece piece,
                     std::uint32_t count) const {
    const std::string_view segment = walk.path.substr(piece.at, piece.size);
    for (std::uint32_t i = 0; i < node.expressions_count; ++i) {
      const Expression& one = tree_.expressions[node.expressions + i];
      if (!table_.regex(one.regex).matches(segment)) continue;
      if (from(one.child, walk, piece.at + piece.size, count + 1)) return true;
      walk.match.pieces[count] = piece;
    }
    return false;
  }

  static std::uint32_t segment_end(std::string_view path, std::uint32_t at) {
    const auto size = static_cast<std::uint32_t>(path.size());
    for (; at < size; at += kSplit_bytes) {
      const std::uint32_t bits = slashes(path.data() + at);
      if (bits != 0) return std::min(at + static_cast<std::uint32_t>(std::countr_zero(bits)), size);
    }
    return size;
  }

  const Table& table_;
  Leaves leaves_;
  Tree tree_;
};

}  // namespace

std::unique_ptr<Router> make_radix(const Table& table) { return std::make_unique<Radix>(table); }

}  // namespace zyphos::route
