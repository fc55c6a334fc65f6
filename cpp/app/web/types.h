// The media type of a file, by the end of its name. Any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace zyphos::web {

class Types {
 public:
  // `file`: in the form of /etc/mime.types, for what is not built in or is to be another; empty:
  // none. std::invalid_argument where it cannot be read.
  explicit Types(const std::string& file);

  // "text/html; charset=utf-8"; application/octet-stream for what is not known. O(log types).
  std::string_view of(std::string_view path) const;

 private:
  std::map<std::string, std::string, std::less<>> own_;
};

}  // namespace zyphos::web
