// SPDX-License-Identifier: MIT
#include "cut/speech.hpp"

#include "base/format.hpp"
#include "base/json_reader.hpp"
#include "base/json_text.hpp"
#include "base/utf8.hpp"

namespace coord::cut {

namespace {

constexpr std::size_t most_asked = 64;

std::string quoted(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

// A JSON value as it is; a text that is none (from another format, from outside) as a string of JSON.
std::string value_of(const std::string& body) {
  JsonReader in(body);
  if (in.skip() && in.end()) return body;
  if (is_utf8(body)) return quoted(body);
  return "null";
}

// The text of a string, any other value as it is written.
std::string text_of(std::string_view raw) {
  JsonReader in(raw);
  std::string text;
  return in.next() == '"' && in.string(text) ? text : std::string(raw);
}

}  // namespace

std::string Speech::first(const std::vector<std::string>& ids) {
  if (format_ != Format::maelstrom) return "";
  std::string all;
  for (const std::string& id : ids) all += (all.empty() ? "" : ",") + quoted(id);
  return fmt::format(
      "{{\"src\":\"!\",\"dest\":{},\"body\":{{\"type\":\"init\",\"msg_id\":{},\"node_id\":{},\"node_ids\":[{}"
      "]}}}}{}",
      quoted(self_), ++last_id_, quoted(self_), all, end_);
}

std::string Speech::line_of(const Input& input) {
  if (const auto* message = std::get_if<InputMessage>(&input)) {
    const std::string from(message->from.empty() ? outside : std::string_view(message->from));
    switch (format_) {
      case Format::tsv:
        return fmt::format("{}\t{}{}", from, message->body, end_);
      case Format::json:
        return fmt::format("{{\"from\":{},\"body\":{}}}{}", quoted(from), value_of(message->body), end_);
      case Format::maelstrom:
        return fmt::format("{{\"src\":{},\"dest\":{},\"body\":{}}}{}", quoted(from), quoted(self_),
                           value_of(message->body), end_);
    }
  }
  const auto* asked = std::get_if<InputSnapshot>(&input);
  if (!asked) return "";
  switch (format_) {
    case Format::tsv:
      return fmt::format("!snapshot {}{}", asked->snapshot, end_);
    case Format::json:
      return fmt::format("{{\"snapshot\":{}}}{}", quoted(asked->snapshot), end_);
    case Format::maelstrom:
      asked_[++last_id_] = asked->snapshot;
      if (asked_.size() > most_asked) asked_.erase(asked_.begin());
      return fmt::format(
          "{{\"src\":\"!\",\"dest\":{},\"body\":{{\"type\":\"snapshot\",\"msg_id\":{},\"snapshot\":{}}}}}{}",
          quoted(self_), last_id_, quoted(asked->snapshot), end_);
  }
  return "";
}

Said Speech::read(std::string_view line) {
  if (line.size() > record::longest_body) return BadLine{"it is longer than 1 MiB"};
  switch (format_) {
    case Format::tsv:
      return read_tsv(line);
    case Format::json:
      return read_json(line);
    case Format::maelstrom:
      return read_maelstrom(line);
  }
  return NothingSaid{};
}

Said Speech::read_tsv(std::string_view line) {
  if (open_) {
    if (line == open_->word) {
      ToState whole{std::move(open_->snapshot), std::move(open_->text)};
      open_.reset();
      return whole;
    }
    if (open_->text.size() + line.size() > record::longest_body) {
      open_.reset();
      return BadLine{"the state is longer than 1 MiB"};
    }
    open_->text.append(line).push_back('\n');
    return NothingSaid{};
  }
  constexpr std::string_view state = "!state ";
  if (line.starts_with(state)) {
    line.remove_prefix(state.size());
    const std::string snapshot(line.substr(0, line.find(' ')));
    line.remove_prefix(std::min(line.size(), snapshot.size() + 1));
    if (!line.starts_with("<<")) return ToState{snapshot, std::string(line)};
    const std::string word(line.substr(2));
    if (word.empty()) return BadLine{"a state that begins with << names the word that ends it"};
    open_ = Open{snapshot, word, ""};
    return NothingSaid{};
  }
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) return BadLine{"it has no tab: TO<TAB>message"};
  return ToProcess{std::string(line.substr(0, tab)), std::string(line.substr(tab + 1))};
}

Said Speech::read_json(std::string_view line) const {
  JsonReader in(line);
  std::string to, snapshot;
  std::string_view body, value;
  bool has_to = false, has_body = false, has_state = false;
  const bool read = in.object([&](const std::string& name) {
    if (name == "to") return has_to = in.string(to);
    if (name == "body") return has_body = in.raw(body);
    if (name == "state") return has_state = in.string(snapshot);
    if (name == "value") return in.raw(value);
    return in.skip();
  });
  if (!read || !in.end()) return BadLine{fmt::format("it is no JSON object: {}", in.fault())};
  if (has_state) return ToState{snapshot, text_of(value)};
  if (!has_to || !has_body) return BadLine{"it has no \"to\" and \"body\""};
  return ToProcess{to, std::string(body)};
}

Said Speech::read_maelstrom(std::string_view line) {
  JsonReader in(line);
  std::string dest;
  std::string_view body;
  bool read = in.object([&](const std::string& name) {
    if (name == "dest") return in.string(dest);
    if (name == "body") return in.raw(body);
    return in.skip();
  });
  if (!read || !in.end()) return BadLine{fmt::format("it is no JSON object: {}", in.fault())};
  if (dest.empty() || body.empty()) return BadLine{"it has no \"dest\" and \"body\""};
  if (dest != outside) return ToProcess{dest, std::string(body)};
  JsonReader answer(body);
  std::string type;
  std::uint64_t in_reply_to = 0;
  std::string_view state;
  read = answer.object([&](const std::string& name) {
    if (name == "type") return answer.string(type);
    if (name == "in_reply_to") return answer.count(in_reply_to);
    if (name == "state") return answer.raw(state);
    return answer.skip();
  });
  if (!read) return BadLine{fmt::format("its body is no JSON object: {}", answer.fault())};
  if (type == "snapshot_ok") {
    const auto asked = asked_.find(in_reply_to);
    if (asked == asked_.end()) return BadLine{"\"in_reply_to\" names no snapshot"};
    ToState said{asked->second, text_of(state)};
    asked_.erase(asked);
    return said;
  }
  return NothingSaid{};  // init_ok, and answers to who asked from outside
}

}  // namespace coord::cut
