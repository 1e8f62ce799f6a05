// SPDX-License-Identifier: MIT
// The programs of a bank, and what passes between them and their Members.
#include "bank_parts.hpp"

namespace coord::test {

std::int64_t number_in(const std::string& text, const std::string& field) {
  const std::size_t at = text.find(field + "=");
  return at == std::string::npos ? 0 : std::stoll(text.substr(at + field.size() + 1));
}

std::string Command::state() const {
  std::string text = (budget == 0 && in.empty() ? "idle has=" : "busy has=") + std::to_string(balance);
  for (const auto& [life, count] : last_from) text += " r" + life + "=" + std::to_string(count);
  for (const auto& [life, count] : last_to) text += " w" + life + "=" + std::to_string(count);
  return text;
}

std::optional<std::uint64_t> SpillInMemory::put(ByteView bytes) {
  kept_[next_] = Bytes(bytes.begin(), bytes.end());
  return next_++;
}
std::optional<Bytes> SpillInMemory::get(std::uint64_t at, std::size_t size) {
  const auto found = kept_.find(at);
  if (found == kept_.end() || found->second.size() != size)
    throw Violation{"spill_keeps_what_waits: it is gone"};
  return found->second;
}
void SpillInMemory::forget(std::uint64_t at, std::size_t) {
  if (kept_.erase(at) == 0) throw Violation{"spill_keeps_what_waits: forgotten twice"};
}

void Bank::write_to(Process& process) {
  if (process.buffer.size() < 3)
    if (auto input = process.core->next_input(now_)) process.buffer.push_back(std::move(*input));
  while (!process.buffer.empty() && process.command.in.size() < 3 && chance(70)) {
    process.command.in.push_back(std::move(process.buffer.front()));
    process.buffer.pop_front();
    process.core->input_written(1);
  }
}

void Bank::read_from(Process& process) {
  for (std::uint64_t lines = 1 + random_.below(3); lines > 0; --lines) {
    if (process.command.out.empty() || !process.core->reads_output()) return;
    const Command::Out line = std::move(process.command.out.front());
    process.command.out.pop_front();
    if (line.to.empty()) {
      notes(process);
      Unread unread = process.rejected;
      unread.messages += process.returned.messages;
      unread.money += process.returned.money;
      if (process.core->answered(now_, line.snapshot, line.body))
        at_cut_[line.snapshot][process.member.id] = unread;
    } else if (process.core->said(now_, line.to, line.body)) {
      ++accepted_;
    } else {
      process.rejected.add(line.body);  // who had this id has left
    }
  }
}

void Bank::command_acts(Process& process) {
  Command& command = process.command;
  if (command.ended) return;
  // It reads while it cannot write, or a cycle of full channels would be its own fault.
  if (!command.in.empty() && chance(60)) {
    const cut::Input input = std::move(command.in.front());
    command.in.pop_front();
    if (const auto* message = std::get_if<cut::InputMessage>(&input)) return reads(process, *message);
    const auto& asked = std::get<cut::InputSnapshot>(input);
    if (!command.answers) return;
    command.out.push_back({"", command.state(), asked.snapshot});
  } else if (command.budget > 0 && command.out.size() < 6) {
    --command.budget;
    pays(process);
  }
}

void Bank::reads(Process& process, const cut::InputMessage& message) {
  Command& command = process.command;
  const std::string channel = std::to_string(number_in(message.body, "life"));
  const auto number = static_cast<std::uint64_t>(number_in(message.body, "number"));
  if (number != ++command.last_from[channel])
    throw Violation{"once_and_in_order: " + message.from + " to " + process.member.id + ": " + message.body};
  ++command.read;
  command.balance += number_in(message.body, "pay");
  if (chance(30)) pays(process);
}

void Bank::pays(Process& process) {
  Command& command = process.command;
  const View& view = process.core->group();
  if (view.members.size() < 2) return;
  const record::Member& to = view.members[random_.below(view.members.size())];
  if (to.life == process.member.life) return;
  const auto amount = static_cast<std::int64_t>(random_.below(50));
  command.balance -= amount;
  ++command.written;
  ++tally_.messages;
  command.out.push_back({to.id,
                         "pay=" + std::to_string(amount) + " life=" + std::to_string(process.member.life) +
                             " number=" + std::to_string(++command.last_to[std::to_string(to.life)]) +
                             std::string(random_.below(80), 'x'),
                         ""});
}

// What it has said is read on; what is in its pipes is gone; what comes later, and what was not written to it
// yet, goes back.
void Bank::command_ends() {
  Process* one = some();
  Command& command = one->command;
  if (command.ended) return;
  for (const cut::Input& input : command.in)
    if (const auto* message = std::get_if<cut::InputMessage>(&input)) one->gone.add(message->body);
  command.in.clear();
  one->buffer.clear();
  command.budget = 0;
  command.ended = true;
  one->core->input_ended();
}

}  // namespace coord::test
