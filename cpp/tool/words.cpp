#include "tool/words.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace zyphos {
namespace {

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

Words::Result parse_list(std::string_view text, std::vector<int>& out) {
  out.clear();
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const auto value = whole_number(text.substr(0, comma));
    if (!value || *value < 0 || *value > std::numeric_limits<int>::max()) {
      return std::unexpected("must be whole numbers, 0 or more, with commas between");
    }
    out.push_back(static_cast<int>(*value));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return {};
}

}  // namespace

void Words::add(std::string key, std::string help, Set set) {
  options_.push_back(
      {std::move(key), std::move(help),
       [set = std::move(set)](std::string_view, std::string_view value) { return set(value); }});
}

void Words::add_family(std::string prefix, std::string help, SetNamed set) {
  options_.push_back({std::move(prefix), std::move(help), std::move(set), true});
}

void Words::text(std::string key, std::string help, std::string& out) {
  add(std::move(key), std::move(help), [&out](std::string_view value) -> Result {
    out = std::string(value);
    return {};
  });
}

void Words::flag(std::string key, std::string help, bool& out) {
  add(std::move(key), std::move(help), [&out](std::string_view value) -> Result {
    if (value != "true" && value != "false") return std::unexpected("must be true or false");
    out = value == "true";
    return {};
  });
}

void Words::choice(std::string key, std::string help, std::string& out,
                   std::vector<std::string> names) {
  add(std::move(key), std::move(help),
      [&out, names = std::move(names)](std::string_view value) -> Result {
        if (std::ranges::find(names, value) != names.end()) {
          out = std::string(value);
          return {};
        }
        std::string message = "must be one of";
        for (const std::string& name : names) message += " " + name;
        return std::unexpected(message);
      });
}

void Words::real(std::string key, std::string help, double& out, double above) {
  add(std::move(key), std::move(help), [&out, above](std::string_view value) -> Result {
    double number = 0.0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || !(number > above) ||
        number > std::numeric_limits<double>::max()) {
      return std::unexpected("must be a number above " + std::to_string(static_cast<int>(above)));
    }
    out = number;
    return {};
  });
}

void Words::list(std::string key, std::string help, std::vector<int>& out) {
  add(std::move(key), std::move(help),
      [&out](std::string_view value) { return parse_list(value, out); });
}

void Words::socket(SocketOptions& out, SocketRole role) {
  for (const std::string_view name : socket_option_names(role)) {
    add("socket." + std::string(name), "socket option of every connection",
        [&out, name](std::string_view value) { return set_option(out, name, value); });
  }
}

void Words::add_number(std::string key, std::string help, std::int64_t least, std::int64_t most,
                       std::function<void(std::int64_t)> set) {
  add(std::move(key), std::move(help),
      [least, most, set = std::move(set)](std::string_view value) -> Result {
        const auto number = whole_number(value);
        if (!number || *number < least || *number > most) {
          return std::unexpected("must be a whole number, " + std::to_string(least) + " or more");
        }
        set(*number);
        return {};
      });
}

Words::Result Words::apply(std::string_view word) const {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) {
    return std::unexpected("'" + std::string(word) + "' is not key=value");
  }
  return apply(word.substr(0, equals), word.substr(equals + 1));
}

Words::Result Words::apply(std::string_view key, std::string_view value) const {
  for (const Option& option : options_) {
    const bool hit = option.family ? key.starts_with(option.key) && key.size() > option.key.size()
                                   : key == option.key;
    if (!hit) continue;
    const std::string_view name = option.family ? key.substr(option.key.size()) : key;
    const Result result = option.set(name, value);
    if (result) return {};
    return std::unexpected(std::string(key) + "=" + std::string(value) + ": " + result.error());
  }
  return std::unexpected(unknown(key));
}

std::string Words::unknown(std::string_view key) const {
  std::string message = "unknown option '" + std::string(key) + "'";
  const auto distance = [key](const Option& option) { return edit_distance(key, option.key); };
  const auto nearest = std::ranges::min_element(options_, {}, distance);
  if (nearest != options_.end() && distance(*nearest) <= std::max<std::size_t>(2, key.size() / 3)) {
    message += "; did you mean '" + nearest->key + "'?";
  }
  return message;
}

std::string Words::help() const {
  std::string out;
  for (const Option& option : options_) {
    std::string key = option.key + (option.family ? "NAME=" : "=");
    key.resize(std::max<std::size_t>(key.size() + 1, 28), ' ');
    out += "  " + key + option.help + "\n";
  }
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({replaced, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace zyphos
