#include "app/web/target.h"

#include <algorithm>
#include <cstring>

namespace zyphos::web {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = static_cast<char>(c | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

// The byte of "%XX" at the front; below 0: none is there.
int escaped(std::string_view text) {
  if (text.size() < 3) return -1;
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  return high < 0 || low < 0 ? -1 : 16 * high + low;
}

// Of "http://host/path?query" what is behind the host.
std::string_view origin_form(std::string_view target) {
  if (target.starts_with('/')) return target;
  const std::size_t scheme = target.find("://");
  if (scheme == target.npos) return {};
  const std::size_t slash = target.find_first_of("/?", scheme + 3);
  if (slash == target.npos || target[slash] == '?') return "/";
  return target.substr(slash);
}

// What no name of a file that is meant to be asked for has.
bool odd(int byte) { return byte < 0x20 || byte == 0x7f || byte == '\\'; }

}  // namespace

TargetState Target::read(std::string_view target, bool dotfiles, Target& out) {
  std::string_view rest = origin_form(target);
  if (rest.empty()) return TargetState::bad;
  rest = rest.substr(0, rest.find('#'));
  const std::size_t query = std::min(rest.find('?'), rest.size());
  out.query_ = query == rest.size() ? std::string_view() : rest.substr(query + 1);
  rest = rest.substr(0, query);
  out.size_ = 0;
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the slash
    const std::string_view name = rest.substr(0, rest.find('/'));
    const TargetState state = out.segment(name, dotfiles);
    if (state != TargetState::good) return state;
    rest.remove_prefix(name.size());
  }
  out.path_[out.size_] = '\0';
  return TargetState::good;
}

TargetState Target::segment(std::string_view text, bool dotfiles) {
  const std::size_t before = size_;
  if (size_ > 0) path_[size_++] = '/';
  const std::size_t begin = size_;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = static_cast<unsigned char>(text[i]);
    if (byte == '%') {
      byte = escaped(text.substr(i));
      if (byte == '/') return TargetState::escape;
      i += 2;
    }
    if (odd(byte)) return TargetState::bad;
    if (size_ >= kPath_bytes_max) return TargetState::too_long;
    path_[size_++] = static_cast<char>(byte);
  }
  return named(before, {path_.data() + begin, size_ - begin}, dotfiles);
}

// What a segment is, once decoded.
TargetState Target::named(std::size_t before, std::string_view name, bool dotfiles) {
  if (name == "..") return TargetState::escape;
  folder_ = name.empty() || name == ".";
  if (folder_) size_ = before;
  const bool hidden = !folder_ && name.starts_with('.') && name != ".well-known";
  return hidden && !dotfiles ? TargetState::hidden : TargetState::good;
}

std::string form_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) != name) continue;
    const std::string_view coded = pair.substr(std::min(equals + 1, pair.size()));
    std::string value;
    for (std::size_t i = 0; i < coded.size(); ++i) {
      const int byte = coded[i] == '%' ? escaped(coded.substr(i)) : -1;
      if (byte >= 0) i += 2;
      const char plain = coded[i] == '+' ? ' ' : coded[i];
      value += byte >= 0 ? static_cast<char>(byte) : plain;
    }
    return value;
  }
  return {};
}

std::string escape_path(std::string_view path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string out;
  for (const char c : path) {
    if (kPlain.find(c) != kPlain.npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

}  // namespace zyphos::web
