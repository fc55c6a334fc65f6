#include "ipc/answer.h"

#include "ipc/message.h"

namespace zyphos::ipc {

Totals answer_all(Channel& channel, Pattern pattern) {
  const bool answers = pattern == Pattern::ping_pong;
  Totals totals;
  for (;;) {
    const ConstBytes message = channel.receive();
    if (!stamped(message, totals.messages)) {
      if (stamped(message, kLast)) return totals;
      ++totals.wrong;
    }
    ++totals.messages;
    if (answers) channel.send(message);
  }
}

}  // namespace zyphos::ipc
