// What a folder holds, as a page for people or as JSON for programs. The page's form is a GET form:
// `q` is what names must contain, `sort` is name, size or time, `order` is up or down.
//
// Cost: reads the folder and asks for each entry, on the caller's thread.
#pragma once

#include <string_view>

#include "app/web/reply.h"
#include "app/web/root.h"

namespace zyphos::web {

struct ListingAsk {
  std::string_view path;  // of the folder, decoded, without slashes at its ends
  std::string_view query;
  bool json = false;
  bool dotfiles = false;
};

// More entries than this are not shown, and said to be there.
inline constexpr std::size_t kEntries_max = 10'000;

// Whether JSON is wanted rather than a page.
bool wants_json(std::string_view accept, std::string_view query);

// Closes `folder_fd`. A link that leads out of the root is left out.
Reply list_folder(const Root& root, int folder_fd, const ListingAsk& ask);

}  // namespace zyphos::web
