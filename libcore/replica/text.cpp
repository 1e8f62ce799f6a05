// SPDX-License-Identifier: MIT
#include "replica/text.hpp"

#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/format.hpp"
#include "base/type_words.hpp"
#include "base/utf8.hpp"
#include "protocol/raft/text.hpp"
#include "protocol/raft/voters.hpp"
#include "replica/engine_frame.hpp"
#include "wire/codec.hpp"

namespace coord::replica {

namespace {

constexpr std::size_t most_shown = 4;         // of a list
constexpr std::size_t most_text_bytes = 255;  // of a name or a reason, before it is escaped

std::string quoted(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string shown = "'";
  std::string_view rest = text.substr(0, most_text_bytes);
  while (!rest.empty()) {
    const std::size_t length = utf8_length(rest);
    const std::string_view character = rest.substr(0, length == 0 ? 1 : length);
    if (length > 0 && !is_layout_control(code_point(character)) && character != "'" && character != "\\") {
      shown += character;
    } else {
      for (const char c : character) {
        const auto byte = static_cast<unsigned char>(c);
        shown += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
      }
    }
    rest.remove_prefix(character.size());
  }
  return shown + (text.size() > most_text_bytes ? "...'" : "'");
}

template <class List, class Text>
std::string some_of(const List& list, Text text) {
  std::string all;
  for (std::size_t i = 0; i < list.size() && i < most_shown; ++i) all += fmt::format(" {}", text(list[i]));
  if (list.size() > most_shown) all += fmt::format(" and {} more", list.size() - most_shown);
  return all;
}

void add(std::string& text, const char* what, std::uint64_t value) {
  if (value != 0) text += fmt::format(" {} {}", what, value);
}

// The fields that tell one such thing from another, by their names; most kinds have a few of them.
template <class T>
std::string fields_of(const T& m) {
  std::string text;
  if constexpr (requires { m.session.value; }) add(text, "session", m.session.value);
  if constexpr (requires { m.request + 1; }) add(text, "request", m.request);
  if constexpr (requires { m.token.value; }) add(text, "token", m.token.value);
  if constexpr (requires { m.level + 1; }) add(text, "level", m.level);
  if constexpr (requires { m.generation + 1; }) add(text, "generation", m.generation);
  if constexpr (requires { m.generation.number + 1; }) add(text, "generation", m.generation.number);
  if constexpr (requires { m.channel + 1; }) add(text, "channel", m.channel);
  if constexpr (requires { m.ticket + 1; }) add(text, "ticket", m.ticket);
  if constexpr (requires { m.epoch + 1; }) add(text, "epoch", m.epoch);
  if constexpr (requires { m.position + 1; }) add(text, "at", m.position);
  if constexpr (requires { m.state.size(); }) add(text, "bytes", m.state.size());
  if constexpr (requires { m.names.front().empty(); }) text += some_of(m.names, quoted);
  if constexpr (requires { m.name.empty(); }) text += fmt::format(" {}", quoted(m.name));
  if constexpr (requires { m.id.empty(); }) text += fmt::format(" as {}", quoted(m.id));
  if constexpr (requires { m.leadership.empty(); })
    if (!m.leadership.empty()) text += fmt::format(" leads {}", quoted(m.leadership));
  if constexpr (requires { m.sessions.front().value; })
    text += some_of(m.sessions, [](SessionId id) { return std::to_string(id.value); });
  if constexpr (requires { m.renewed.front().first.value; })
    text += some_of(m.renewed, [](const auto& one) { return std::to_string(one.first.value); });
  if constexpr (requires { m.gone.front().value; })
    if (!m.gone.empty())
      text += fmt::format(", gone{}", some_of(m.gone, [](SessionId id) { return std::to_string(id.value); }));
  if constexpr (requires { name_of(m.kind); }) text += fmt::format(" {}", name_of(m.kind));
  if constexpr (requires { name_of(m.why); }) text += fmt::format(": {}", name_of(m.why));
  if constexpr (requires { m.why.empty(); }) text += fmt::format(": {}", quoted(m.why));
  if constexpr (requires { m.in_force; }) text += m.in_force ? " in force" : " void";
  return text;
}

template <class Variant>
std::string kind_and_fields(const Variant& said) {
  return std::visit([]<class T>(const T& m) { return type_words<T>() + fields_of(m); }, said);
}

std::string client_of(const service::Command& command) {
  return command.client.value == 0 ? "leader" : fmt::format("{}:{}", command.client.value, command.sequence);
}

std::string command_in(const Bytes& bytes, Level level) {
  const auto command = wire::decode<service::Command>(bytes, {.version = level});
  return command ? to_text(*command) : "a command that cannot be read";
}

std::string voters_in(const Bytes& data) {
  const auto found = raft::decode_voters(data);
  if (!found) return " that cannot be read";
  const auto number = [](NodeId id) { return std::to_string(id.value); };
  return some_of(found->voters, number) +
         (found->learners.empty() ? "" : fmt::format(", learners{}", some_of(found->learners, number)));
}

// Of an entry that a gateway has put into an engine's log.
std::string engine_entry_in(const Bytes& bytes) {
  const auto entry = decode_engine_entry(bytes);
  if (!entry) return " of a later release";
  if (!*entry) return " of somebody else";
  const char* const kind = name_of((*entry)->kind);
  const std::string by = fmt::format(" by {}", (*entry)->node.value);
  if ((*entry)->has_word() || (*entry)->kind == EngineEntry::Kind::raise)
    return fmt::format("{} {}", by, kind);
  return fmt::format("{}{} {}", by, (*entry)->kind == EngineEntry::Kind::again ? " again" : "",
                     command_in((*entry)->command, (*entry)->level));
}

}  // namespace

std::string to_text(const PeerMessage& message, Level level) {
  if (const raft::Message* of_raft = raft_message_in(message)) return raft::to_text(*of_raft);
  std::string text = name_of(message);
  if (const auto* forward = std::get_if<Forward>(&message)) {
    text += some_of(forward->commands, [level](const Bytes& bytes) { return command_in(bytes, level); });
  } else if (const auto* rejected = std::get_if<Rejected>(&message)) {
    text += some_of(rejected->sequences, [](std::uint64_t sequence) { return std::to_string(sequence); });
  } else if (const auto* asked = std::get_if<ReadRequest>(&message)) {
    text += fmt::format(" {}", asked->id);
  } else if (const auto* answer = std::get_if<ReadAnswer>(&message)) {
    text += answer->known ? fmt::format(" {} index {}", answer->id, answer->index.value)
                          : fmt::format(" {} not the leader", answer->id);
  } else if (const auto* follow = std::get_if<Follow>(&message)) {
    text += fmt::format(" {} after {}{}", follow->number, follow->place.value, follow->again ? " again" : "");
  } else if (const auto* fed = std::get_if<Fed>(&message)) {
    text += fmt::format(" {} after {}", fed->number, fed->after.value) +
            some_of(fed->entries, [](const raft::Entry& entry) { return to_text(entry); });
  } else if (const auto* state = std::get_if<FedState>(&message)) {
    text +=
        fmt::format(" {} of {} from {} of {}", state->number, state->index.value, state->offset, state->size);
  } else if (const auto* passed = std::get_if<PassedOrder>(&message)) {
    text += fmt::format(" {} {} {}", passed->id, name_of(passed->order.verb), passed->order.node.value);
  } else if (const auto* told = std::get_if<OrderAnswer>(&message)) {
    text += fmt::format(" {} {}", told->id,
                        told->answer.refusal == VoterRefusal::none ? name_of(told->answer.progress)
                                                                   : name_of(told->answer.refusal));
  }
  return text;
}

std::string to_text(const service::Command& command) {
  return fmt::format("{} {}", client_of(command), kind_and_fields(command.body));
}

std::string to_text(const service::Effect& effect) {
  return kind_and_fields(effect);
}

std::string to_text(const raft::Entry& entry) {
  const std::string place = fmt::format("{}@{} ", entry.index.value, entry.term.value);
  switch (entry.kind) {
    case raft::EntryKind::noop:
      return fmt::format("{}begin of the term", place);
    case raft::EntryKind::command:
      return place + command_in(entry.data, entry.level);
    case raft::EntryKind::members:
      return fmt::format("{}members{}", place, voters_in(entry.data));
    case raft::EntryKind::raise:
      return fmt::format("{}raise of the level", place);
  }
  return fmt::format("{}unknown", place);
}

std::string to_text(const local::Request& request) {
  return kind_and_fields(request);
}

std::string to_text(const local::Answer& answer) {
  return kind_and_fields(answer);
}

std::string to_text(const engine::Request& request) {
  const auto* const append = std::get_if<engine::Append>(&request);
  return kind_and_fields(request) + (append == nullptr ? "" : engine_entry_in(append->bytes));
}

std::string to_text(const engine::Told& told) {
  const auto* const entry = std::get_if<engine::Entry>(&told);
  return kind_and_fields(told) + (entry == nullptr ? "" : engine_entry_in(entry->bytes));
}

}  // namespace coord::replica
