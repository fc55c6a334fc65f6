#include "route/table.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace zyphos::route {
namespace {

constexpr std::size_t kComplaints_max = 100;

std::vector<std::string> names_of(const Pattern& pattern) {
  std::vector<std::string> names;
  for (const Segment& segment : pattern.segments) {
    if (segment.kind != SegmentKind::literal) names.push_back(segment.name);
  }
  return names;
}

bool is_anything(const Segment& segment) {
  return segment.kind == SegmentKind::regex && takes_everything(segment.text);
}

// Whether each path of `b` is one of `a`, which is tried first, in a way that is seen by their
// texts.
bool covers(const Pattern& a, const Pattern& b) {
  if (a.segments.size() != b.segments.size() || !comes_before(a, b)) return false;
  for (std::size_t i = 0; i < a.segments.size(); ++i) {
    const Segment& one = a.segments[i];
    const Segment& other = b.segments[i];
    if (one.kind == other.kind && one.text == other.text) continue;
    if (is_anything(one) && other.kind != SegmentKind::rest) continue;
    return false;
  }
  return true;
}

}  // namespace

std::string route_text(const Route& route) {
  const std::string where = route.origin.empty() ? "" : route.origin + ": ";
  return where + route.method + " " + route.pattern;
}

// One table, step by step; each step leaves out what it has complained of.
class TableMaker {
 public:
  explicit TableMaker(std::vector<Route> routes) {
    table_.routes_ = std::move(routes);
    table_.names_.resize(table_.routes_.size());
  }

  std::expected<Table, std::vector<std::string>> make() {
    if (table_.routes_.size() > kRoutes_max) {
      complain("more than " + std::to_string(kRoutes_max) + " routes");
    } else {
      for (std::uint32_t i = 0; i < table_.routes_.size(); ++i) read(i);
    }
    fill_methods();
    put_in_order();
    find_unreached();
    if (complaints_.empty()) return std::move(table_);
    if (left_out_ > 0) complaints_.push_back("and " + std::to_string(left_out_) + " more");
    return std::unexpected(std::move(complaints_));
  }

 private:
  void complain(std::string text) {
    if (complaints_.size() < kComplaints_max) {
      complaints_.push_back(std::move(text));
    } else {
      ++left_out_;
    }
  }

  void read(std::uint32_t index) {
    const Route& route = table_.routes_[index];
    const auto methods = methods_of(route.method);
    if (!methods) return complain(route_text(route) + ": there is no such method");
    auto pattern = read_pattern(route.pattern);
    if (!pattern) return complain(route_text(route) + ": " + pattern.error());
    table_.names_[index] = names_of(*pattern);
    Shape* const shape = shape_of(std::move(*pattern), index);
    if (shape != nullptr) declare(*shape, *methods, index);
  }

  // The one that it has, or nullptr after a complaint.
  Shape* shape_of(Pattern pattern, std::uint32_t index) {
    const auto [found, is_new] = by_text_.try_emplace(pattern.shape(), table_.shapes_.size());
    if (!is_new) return &table_.shapes_[found->second];
    Shape shape{.pattern = std::move(pattern), .routes = {}, .regexes = {}};
    shape.routes.fill(kNone);
    for (const Segment& segment : shape.pattern.segments) {
      std::uint32_t regex = kNone;
      if (segment.kind == SegmentKind::regex) {
        regex = regex_of(segment.text, index);
        if (regex == kNone) {
          by_text_.erase(found);
          return nullptr;
        }
      }
      shape.regexes.push_back(regex);
    }
    any_.push_back(kNone);
    table_.shapes_.push_back(std::move(shape));
    return &table_.shapes_.back();
  }

  std::uint32_t regex_of(const std::string& text, std::uint32_t index) {
    if (const auto found = regex_by_text_.find(text); found != regex_by_text_.end()) {
      return found->second;
    }
    auto made = Regex::make(text);
    if (!made) {
      complain(route_text(table_.routes_[index]) + ": " + made.error());
      return kNone;
    }
    const auto number = static_cast<std::uint32_t>(table_.regexes_.size());
    table_.regexes_.push_back(std::move(*made));
    regex_by_text_.emplace(text, number);
    return number;
  }

  void declare(Shape& shape, MethodSet methods, std::uint32_t index) {
    const auto number = static_cast<std::size_t>(&shape - table_.shapes_.data());
    std::uint32_t* place = &any_[number];
    if (methods != kAnyMethod) {
      place = &shape.routes[static_cast<std::size_t>(std::countr_zero(methods))];
    }
    if (*place == kNone) {
      *place = index;
    } else {
      complain(route_text(table_.routes_[index]) + " takes the same paths as " +
               route_text(table_.routes_[*place]));
    }
  }

  void fill_methods() {
    for (std::size_t i = 0; i < table_.shapes_.size(); ++i) {
      auto& routes = table_.shapes_[i].routes;
      std::uint32_t& head = routes[static_cast<std::size_t>(Method::head)];
      if (head == kNone) head = routes[static_cast<std::size_t>(Method::get)];
      for (std::uint32_t& route : routes) {
        if (route == kNone) route = any_[i];
      }
    }
  }

  void put_in_order() {
    auto& shapes = table_.shapes_;
    std::ranges::sort(
        shapes, [](const Shape& a, const Shape& b) { return comes_before(a.pattern, b.pattern); });
    for (const Shape& shape : shapes) {
      table_.segments_max_ =
          std::max(table_.segments_max_, static_cast<std::uint32_t>(shape.pattern.segments.size()));
    }
  }

  void find_unreached() {
    for (const Shape& shape : table_.shapes_) {
      if (!std::ranges::any_of(shape.pattern.segments, is_anything)) continue;
      for (const Shape& other : table_.shapes_) {
        if (covers(shape.pattern, other.pattern)) unreached(shape, other);
      }
    }
  }

  // Those of `other`'s routes that have no method left.
  void unreached(const Shape& shape, const Shape& other) {
    std::unordered_map<std::uint32_t, std::uint32_t> takers;  // route: who takes its paths
    for (unsigned i = 0; i < kMethodCount; ++i) {
      const std::uint32_t route = other.routes[i];
      if (route == kNone) continue;
      const auto [taker, is_new] = takers.try_emplace(route, shape.routes[i]);
      if (shape.routes[i] == kNone) taker->second = kNone;
    }
    for (const auto& [route, taker] : takers) {
      if (taker == kNone) continue;
      complain(route_text(table_.routes_[route]) +
               " is never reached: " + route_text(table_.routes_[taker]) + " takes all");
    }
  }

  Table table_;
  std::unordered_map<std::string, std::size_t> by_text_;
  std::unordered_map<std::string, std::uint32_t> regex_by_text_;
  std::vector<std::uint32_t> any_;  // by shape: its route for "*"
  std::vector<std::string> complaints_;
  std::size_t left_out_ = 0;
};

std::expected<Table, std::vector<std::string>> Table::make(std::vector<Route> routes) {
  return TableMaker(std::move(routes)).make();
}

}  // namespace zyphos::route
