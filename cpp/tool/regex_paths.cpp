#include "tool/regex_paths.h"

#include <regex>

#include "route/regex.h"

namespace zyphos {
namespace {

struct Task {
  std::string expression;
  std::string text;
};

Task task_of(Bytes input) {
  const std::string_view all = as_text(input);
  const auto end = all.find('\n');
  if (end == all.npos) throw CodeRefused("no line end behind the expression");
  return {std::string(all.substr(0, end)), std::string(all.substr(end + 1))};
}

class StandardPath final : public CodePath {
 public:
  StandardPath(Task task, std::regex::flag_type how)
      : text_(std::move(task.text)), expression_(task.expression, how) {}
  std::uint64_t run() override { return std::regex_match(text_, expression_) ? 1 : 0; }

 private:
  std::string text_;
  std::regex expression_;
};

class LazyDfaPath final : public CodePath {
 public:
  LazyDfaPath(Task task, route::Regex expression)
      : text_(std::move(task.text)), expression_(std::move(expression)) {}
  std::uint64_t run() override { return expression_.matches(text_) ? 1 : 0; }

 private:
  std::string text_;
  route::Regex expression_;
};

std::unique_ptr<CodePath> standard(Bytes input, std::regex::flag_type how) {
  try {
    return std::make_unique<StandardPath>(task_of(input), how);
  } catch (const std::regex_error& error) {
    throw CodeRefused(std::string("an expression that is none: ") + error.what());
  }
}

}  // namespace

std::unique_ptr<CodePath> regex_backtracking(Bytes input) {
  return standard(input, std::regex::ECMAScript);
}

std::unique_ptr<CodePath> regex_nfa(Bytes input) {
#if defined(__GLIBCXX__)
  return standard(input, std::regex::ECMAScript | std::regex_constants::__polynomial);
#else
  static_cast<void>(input);
  throw CodeRefused("an expression for a way of libstdc++'s, which this library has not");
#endif
}

std::unique_ptr<CodePath> regex_lazy_dfa(Bytes input) {
  Task task = task_of(input);
  auto expression = route::Regex::make(task.expression);
  if (!expression) throw CodeRefused(expression.error());
  return std::make_unique<LazyDfaPath>(std::move(task), std::move(*expression));
}

}  // namespace zyphos
