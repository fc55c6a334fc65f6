// A folder's entries, drawn: the page and the JSON. Knows no files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zyphos::web {

struct Entry {
  std::string name;
  bool folder = false;
  std::uint64_t size = 0;  // of a file
  std::int64_t modified_s = 0;
};

struct Entries {
  std::vector<Entry> shown;
  bool more = false;  // there are others
};

// What was asked for.
struct Shown {
  std::string_view path;  // of the folder, without slashes at its ends; empty: the root
  std::string part;       // that names contain
  std::string sort;       // name, size, time; anything else is name
  bool down = false;
};

// Folders first, then as asked; names decide what is equal.
void sort_entries(Entries& entries, const Shown& shown);

std::string page_of(const Entries& entries, const Shown& shown);
// {"path", "entries": [{"name", "type": "file" | "folder", "size", "modified_s"}], "more"}
std::string json_of(const Entries& entries, const Shown& shown);

// "0 B", "1.5 KiB", "10.0 MiB".
std::string size_text(std::uint64_t bytes);

}  // namespace zyphos::web
