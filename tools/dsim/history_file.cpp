// SPDX-License-Identifier: MIT
#include "history_file.hpp"

#include <rapidjson/reader.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "base/format.hpp"
#include "cli/estimate.hpp"
#include "cli/names.hpp"

namespace coord::dsim {

namespace {

using Kind = sim::Operation::Kind;
using Outcome = sim::Operation::Outcome;

// The fields of one line, as they come.
struct Fields {
  std::optional<std::string> client, op;
  std::string name;
  std::optional<std::uint64_t> start, end, value, token, expected;
  std::optional<bool> ok, final;
  bool has_value = false;  // a number, or null: what a register holds at first
  std::optional<std::vector<std::uint64_t>> values, supersedes;
};

// A flat object; keys that are not known are passed over, whatever their value is.
class Reader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Reader> {
 public:
  Fields fields;
  std::string fault;

  bool StartObject() {
    if (list_ != nullptr) return no_integer();
    if (depth_++ == 0) return true;
    return nested();
  }
  bool EndObject(rapidjson::SizeType) { return --depth_, true; }
  bool StartArray() {
    if (list_ != nullptr) return no_integer();
    if (++depth_ == 2 && list_for(key_) != nullptr) {
      list_ = &list_for(key_)->emplace();
      return true;
    }
    return depth_ > 1 ? nested() : wrong("the line is no object");
  }
  bool EndArray(rapidjson::SizeType) {
    list_ = nullptr;
    return --depth_, true;
  }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    if (depth_ == 1) key_.assign(text, length);
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (depth_ == 0) return wrong("the line is no object");
    if (list_ != nullptr) return no_integer();
    if (depth_ > 1) return true;
    std::string value(text, length);
    if (key_ == "client")
      fields.client = fmt::format("\"{}", value);  // so that the client "1" is not the client 1
    if (key_ == "op") fields.op = value;
    if (key_ == "name") fields.name = value;
    return number_for(key_) || is_flag() || list_for(key_) ? wrong(fmt::format("{} is a string", key_))
                                                           : true;
  }
  bool Uint(unsigned value) { return Uint64(value); }
  bool Uint64(std::uint64_t value) {
    if (depth_ == 0) return wrong("the line is no object");
    if (list_ != nullptr && depth_ == 2) list_->push_back(value);
    if (depth_ > 1) return true;
    if (key_ == "client") fields.client = std::to_string(value);
    if (key_ == "op" || key_ == "name" || is_flag() || list_for(key_))
      return wrong(fmt::format("{} is a number", key_));
    if (auto* field = number_for(key_)) *field = value;
    if (key_ == "value") fields.has_value = true;
    return true;
  }
  bool Int(int) { return other_number(); }
  bool Int64(std::int64_t) { return other_number(); }
  bool Double(double) { return other_number(); }
  bool Bool(bool value) {
    if (depth_ == 0) return wrong("the line is no object");
    if (list_ != nullptr) return no_integer();
    if (depth_ == 1 && key_ == "ok") fields.ok = value;
    if (depth_ == 1 && key_ == "final") fields.final = value;
    return depth_ > 1 || is_flag() || !is_known() ? true : wrong(fmt::format("{} is true or false", key_));
  }
  bool Null() {
    if (depth_ == 0) return wrong("the line is no object");
    if (list_ != nullptr) return no_integer();
    if (depth_ == 1 && key_ == "value") fields.has_value = true;
    return depth_ > 1 || (key_ != "client" && key_ != "op" && key_ != "start_ns")
               ? true
               : wrong(fmt::format("{} is null", key_));
  }

 private:
  std::optional<std::uint64_t>* number_for(const std::string& key) {
    if (key == "start_ns") return &fields.start;
    if (key == "end_ns") return &fields.end;
    if (key == "value") return &fields.value;
    if (key == "token") return &fields.token;
    if (key == "expected") return &fields.expected;
    return nullptr;
  }
  std::optional<std::vector<std::uint64_t>>* list_for(const std::string& key) {
    if (key == "values") return &fields.values;
    if (key == "supersedes") return &fields.supersedes;
    return nullptr;
  }
  bool is_flag() const { return key_ == "ok" || key_ == "final"; }
  bool is_known() {
    return number_for(key_) != nullptr || list_for(key_) != nullptr || key_ == "client" || key_ == "op" ||
           key_ == "name" || is_flag();
  }
  bool no_integer() {
    return wrong(fmt::format("{} has a value that is not an integer from 0 to 2^64 - 1", key_));
  }
  bool other_number() {
    if (depth_ == 0) return wrong("the line is no object");
    if (list_ != nullptr) return no_integer();
    return depth_ > 1 || !is_known() ? true
                                     : wrong(fmt::format("{} is not an integer from 0 to 2^64 - 1", key_));
  }
  bool nested() {
    return depth_ > 2 || !is_known() ? true : wrong(fmt::format("{} is an object or a list", key_));
  }
  bool wrong(std::string why) {
    fault = std::move(why);
    return false;
  }

  int depth_ = 0;
  std::string key_;
  std::vector<std::uint64_t>* list_ = nullptr;  // that is being read
};

std::optional<Kind> kind_of(const std::string& op, sim::Model model) {
  static const std::map<std::string, Kind> lock = {{"acquire", Kind::acquire},
                                                   {"acquire_shared", Kind::acquire_shared},
                                                   {"release", Kind::release},
                                                   {"expire", Kind::expire}};
  static const std::map<std::string, Kind> reg = {
      {"read", Kind::read}, {"write", Kind::write}, {"cas", Kind::compare_swap}};
  static const std::map<std::string, Kind> queue = {{"enqueue", Kind::enqueue}, {"dequeue", Kind::dequeue}};
  const auto& kinds = model == sim::Model::lock ? lock : model == sim::Model::queue ? queue : reg;
  const auto found = kinds.find(op);
  return found == kinds.end() ? std::nullopt : std::optional(found->second);
}

// The numbers of the clients.
class Clients {
 public:
  explicit Clients(std::vector<std::string>& names) : names_(names) {}

  // `client`: digits, or a string after a quotation mark.
  std::uint64_t number_of(const std::string& client) {
    if (client.front() != '"' && client.size() < 19) return std::stoull(client);
    const auto [place, is_new] = known_.emplace(client, ClientNames::first_named + names_.size());
    if (is_new) names_.push_back(client.front() == '"' ? client.substr(1) : client);
    return place->second;
  }

 private:
  std::vector<std::string>& names_;
  std::map<std::string, std::uint64_t> known_;
};

// What is wrong with the line, or nothing.
std::string parse(const std::string& line, Reader& reader) {
  rapidjson::Reader json;
  rapidjson::StringStream stream(line.c_str());
  if (line.find('\0') != std::string::npos) return "a NUL byte";
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  if (json.Parse<flags>(stream, reader).IsError())
    return reader.fault.empty() ? "not one JSON object" : reader.fault;
  if (!reader.fields.client) return "no client";
  if (!reader.fields.op) return "no op";
  if (!reader.fields.start) return "no start_ns";
  return "";
}

// What every operation has: who, when, and how it ended.
template <class Op>
std::string take_frame(const Fields& fields, Clients& clients, Op& operation) {
  constexpr auto latest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (*fields.start > latest || fields.end.value_or(0) > latest) return "a time beyond 2^63 ns";
  operation.client = clients.number_of(*fields.client);
  operation.name = fields.name;
  operation.start = Instant{} + Duration(static_cast<Duration::rep>(*fields.start));
  operation.outcome = !fields.ok || !fields.end ? Outcome::unknown
                      : *fields.ok              ? Outcome::ok
                                                : Outcome::failed;
  operation.end = Instant{} + Duration(static_cast<Duration::rep>(fields.end.value_or(*fields.start)));
  return operation.end < operation.start ? "end_ns is before start_ns" : "";
}

std::string take(const std::string& line, sim::Model model, Clients& clients, sim::Operation& operation) {
  Reader reader;
  if (auto why = parse(line, reader); !why.empty()) return why;
  const Fields& fields = reader.fields;
  const auto kind = kind_of(*fields.op, model);
  if (!kind) return fmt::format("op {} is not one of this model", cli::shown(*fields.op));
  if (auto why = take_frame(fields, clients, operation); !why.empty()) return why;
  operation.kind = *kind;
  operation.value =
      model == sim::Model::lock ? fields.token.value_or(fields.value.value_or(0)) : fields.value.value_or(0);
  operation.expected = fields.expected.value_or(0);
  const bool needs_value = *kind == Kind::write || *kind == Kind::enqueue || *kind == Kind::compare_swap ||
                           (*kind == Kind::dequeue && operation.outcome == Outcome::ok);
  const bool has_read = *kind == Kind::read && operation.outcome == Outcome::ok;
  if ((needs_value && !fields.value) || (has_read && !fields.has_value)) return "no value";
  if (*kind == Kind::compare_swap && !fields.expected) return "no expected";
  return "";
}

// Of a register that is checked by level.
std::string take(const std::string& line, Clients& clients, sim::RegisterOperation& operation) {
  using RegisterKind = sim::RegisterOperation::Kind;
  static const std::map<std::string, RegisterKind> kinds = {
      {"read", RegisterKind::read}, {"write", RegisterKind::write}, {"remove", RegisterKind::remove}};
  Reader reader;
  if (auto why = parse(line, reader); !why.empty()) return why;
  Fields& fields = reader.fields;
  const auto kind = kinds.find(*fields.op);
  if (kind == kinds.end()) return fmt::format("op {} is none of read, write, remove", cli::shown(*fields.op));
  if (auto why = take_frame(fields, clients, operation); !why.empty()) return why;
  operation.kind = kind->second;
  operation.final = fields.final.value_or(false);
  operation.supersedes = std::move(fields.supersedes);
  if (operation.kind == RegisterKind::write) {
    if (!fields.value) return "no value";
    if (*fields.value == 0) return "value 0 stands for nothing";
    operation.value = *fields.value;
  }
  if (operation.kind != RegisterKind::read || operation.outcome != Outcome::ok) return "";
  if (!fields.values && !fields.has_value) return "no value and no values";
  operation.whole = fields.values.has_value();
  operation.values = std::move(fields.values).value_or(std::vector<std::uint64_t>{});
  if (!operation.whole && fields.value.value_or(0) != 0) operation.values.push_back(*fields.value);
  return "";
}

// `take_line`: of one line, what is wrong with it, or nothing. `size`: of the file; 0 is not known.
template <class History>
Result<History> read_lines(std::istream& in, const std::string& path, std::uint64_t size,
                           const auto& take_line) {
  cli::Estimate estimate("read", size);
  History history;
  Clients clients(history.names);
  std::string line;
  const auto bad = [&](std::uint64_t number, std::string why) {
    return Error{ErrorKind::data, fmt::format("{}:{}", path, number), std::move(why),
                 "see HISTORIES in dsim(1)"};
  };
  for (std::uint64_t number = 1;; ++number) {
    line.clear();
    int c = 0;
    while ((c = in.rdbuf()->sbumpc()) != std::char_traits<char>::eof() && c != '\n') {
      if (line.size() == longest_line) return bad(number, "a line of more than 64 KiB");
      line.push_back(static_cast<char>(c));
    }
    if (c == std::char_traits<char>::eof() && line.empty()) break;
    estimate.add(line.size() + 1);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (history.operations.size() == most_operations) return bad(number, "more than 20,000,000 operations");
    auto& operation = history.operations.emplace_back();
    if (auto why = take_line(line, clients, operation); !why.empty()) return bad(number, std::move(why));
    history.lines.push_back(number);
  }
  return history;
}

template <class History>
Result<History> read_file(const std::string& path, const auto& take_line) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return Error{ErrorKind::data, path, std::strerror(errno), "give a file of JSON lines"};
  }
  const auto unreadable = [&](const std::string& why) {  // a directory, a broken disk
    return Error{ErrorKind::data, path, fmt::format("could not be read ({})", why), "is it a file?"};
  };
  std::error_code not_known;  // of a pipe, say
  const auto size = path == "-" ? 0 : std::filesystem::file_size(path, not_known);
  try {
    auto history = read_lines<History>(path == "-" ? std::cin : file, path, not_known ? 0 : size, take_line);
    if (path == "-" && std::ferror(stdin) != 0) return unreadable(std::strerror(errno));
    return history;
  } catch (const std::ios_base::failure& failure) {
    return unreadable(failure.code().message());
  }
}

Status one_after_the_other(const auto& operations, const std::vector<std::uint64_t>& lines,
                           const std::string& path) {
  std::vector<std::size_t> order(operations.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, {}, [&](std::size_t i) { return std::pair(operations[i].client, operations[i].start); });
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    const auto& operation = operations[order[i]];
    const auto& next = operations[order[i + 1]];
    if (next.client != operation.client || operation.outcome == Outcome::unknown) continue;
    if (next.start < operation.end) {
      return Error{
          ErrorKind::data, fmt::format("{}:{}", path, lines[order[i + 1]]),
          fmt::format("begins before the same client's operation of line {} has ended", lines[order[i]]),
          "give those that run side by side two clients"};
    }
  }
  return done();
}

}  // namespace

std::string ClientNames::with_names(const std::string& text) const {
  constexpr std::string_view before = "client ";
  constexpr std::size_t digits = 19;  // of every number from first_named on
  std::string out;
  std::size_t begin = 0;
  for (auto at = text.find(before); at != std::string::npos; at = text.find(before, at + before.size())) {
    const std::size_t from = at + before.size();
    const std::size_t end = std::min(text.find_first_not_of("0123456789", from), text.size());
    if (end - from != digits) continue;
    const std::uint64_t number = std::stoull(text.substr(from, digits));
    if (number < first_named || number - first_named >= names.size()) continue;
    out += text.substr(begin, from - begin) + names[number - first_named];
    begin = end;
  }
  return out + text.substr(begin);
}

Status HistoryFile::one_after_the_other(const std::string& path) const {
  return dsim::one_after_the_other(operations, lines, path);
}

Status LevelHistory::one_after_the_other(const std::string& path) const {
  return dsim::one_after_the_other(operations, lines, path);
}

Result<HistoryFile> read_history(const std::string& path, sim::Model model) {
  return read_file<HistoryFile>(path, [model](const std::string& line, Clients& clients, auto& operation) {
    return take(line, model, clients, operation);
  });
}

Result<LevelHistory> read_level_history(const std::string& path) {
  return read_file<LevelHistory>(path, [](const std::string& line, Clients& clients, auto& operation) {
    return take(line, clients, operation);
  });
}

}  // namespace coord::dsim
