#include "testing/wire_cases.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace zyphos::testing {
namespace {

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char c = text.at(++i);
    constexpr std::string_view kLetters = "rnts0\\";
    constexpr std::string_view kMeanings{"\r\n\t \0\\", 6};
    if (c == 'x') {
      int value = 0;
      std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += kMeanings.at(kLetters.find(c));
    }
  }
  return out;
}

// "200 GET / ...", "200 head", "200 x 100", "400"
WireResponse expected(std::string_view text) {
  WireResponse out;
  out.status = std::stoi(std::string(text.substr(0, 3)));
  const std::string_view rest = text.size() > 4 ? text.substr(4) : std::string_view{};
  if (rest == "head") {
    out.head_only = true;
  } else if (rest.starts_with("x ")) {
    out.times = std::stoi(std::string(rest.substr(2)));
  } else if (!rest.empty()) {
    out.any_body = false;
    out.body = unescape(rest);
  }
  return out;
}

// What the client sends, of one line of a case.
void apply_input(WireCase& to, const std::string& key, const std::string& value) {
  const std::string text = unescape(value);
  if (key == "line") to.input += text + "\r\n";
  if (key == "send") to.input += text;
  if (key.starts_with("repeat ")) {
    for (int n = std::stoi(key.substr(7)); n > 0; --n) to.input += text;
  }
  if (key == "finish") to.finish = true;
}

void apply_expectation(WireCase& to, const std::string& key, const std::string& value) {
  if (key == "expect") to.responses.push_back(expected(value));
  if (key == "field") to.responses.back().fields.push_back(value);
  if (key == "without") to.responses.back().without.push_back(value);
  if (key == "then") to.ending = value;
  if (key == "error") to.error = value;
}

}  // namespace

std::vector<WireCase> read_wire_cases(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<WireCase> cases;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".txt") continue;
    std::ifstream file(entry.path());
    std::string text;
    for (int number = 1; std::getline(file, text); ++number) {
      if (text.empty() || text.starts_with('#')) continue;
      const auto colon = text.find(':');
      const std::string key = text.substr(0, colon);
      const std::size_t from = std::min(text.size(), colon == text.npos ? colon : colon + 2);
      const std::string value = text.substr(from);
      if (key == "case") {
        WireCase& added = cases.emplace_back();
        added.file = entry.path().filename();
        added.line = number;
        added.name = value;
      } else {
        apply_input(cases.back(), key, value);
        apply_expectation(cases.back(), key, value);
      }
    }
  }
  return cases;
}

}  // namespace zyphos::testing
