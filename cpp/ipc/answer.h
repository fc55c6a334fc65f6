// The answering side: takes every message, sends it back where it is asked to, and counts.
#pragma once

#include "ipc/channel.h"
#include "ipc/meeting.h"

namespace zyphos::ipc {

// Until the message that is the last. std::system_error as Channel.
Totals answer_all(Channel& channel, Pattern pattern);

}  // namespace zyphos::ipc
