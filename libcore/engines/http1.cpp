// SPDX-License-Identifier: MIT
#include "engines/http1.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "engines/marks.hpp"

namespace coord::engines::http1 {

namespace {

constexpr std::size_t head_limit = 64U << 10U, body_limit = 64U << 20U;

std::string small(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view without_blanks(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view Answer::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Bytes request(std::string_view method, std::string_view target, std::string_view host, const Headers& headers,
              std::string_view body) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", method, target, host);
  for (const auto& [name, value] : headers) out += fmt::format("{}: {}\r\n", name, value);
  if (method != "GET" || !body.empty()) out += fmt::format("Content-Length: {}\r\n", body.size());
  out += "\r\n";
  out += body;
  return marks::bytes_in(out);
}

bool Reader::fail() {
  failed_ = true;
  return false;
}

std::optional<std::string_view> Reader::line() {
  const std::size_t end = in_.find("\r\n", taken_);
  const std::size_t size = (end == std::string::npos ? in_.size() : end + 2) - taken_;
  if (head_size_ + size > head_limit) failed_ = true;
  if (failed_ || end == std::string::npos) return std::nullopt;
  head_size_ += size;
  const std::string_view found = std::string_view(in_).substr(taken_, end - taken_);
  taken_ = end + 2;
  return found;
}

std::optional<Answer> Reader::next() {
  while (!failed_) {
    bool goes_on = false;
    if (at_ == At::head) {
      goes_on = read_head();
    } else if (at_ == At::body) {
      goes_on = take(left_);
      if (goes_on && left_ == 0) break;
    } else {
      goes_on = read_chunk();
      if (goes_on && at_ == At::head) break;
    }
    if (!goes_on) {
      in_.erase(0, std::exchange(taken_, 0));
      return std::nullopt;
    }
  }
  if (failed_) return std::nullopt;
  at_ = At::head;
  has_status_ = false;
  head_size_ = 0;
  return std::exchange(answer_, {});
}

// False: it is not there yet, or is none.
bool Reader::read_head() {
  const auto here = line();
  if (!here) return false;
  if (!has_status_) {
    const auto status =
        here->starts_with("HTTP/1.1 ") ? marks::number_in(here->substr(9, 3), 10) : std::nullopt;
    if (!status || *status < 100 || *status > 599) return fail();
    answer_.status = static_cast<unsigned>(*status);
    has_status_ = true;
    return true;
  }
  if (!here->empty()) return read_header(*here);
  if (answer_.status >= 200) return measure();
  has_status_ = false;  // the answer itself comes behind that
  answer_.headers.clear();
  return true;
}

bool Reader::read_header(std::string_view here) {
  const std::size_t colon = here.find(':');
  if (colon == std::string_view::npos || colon == 0) return fail();
  answer_.headers.emplace_back(small(here.substr(0, colon)), without_blanks(here.substr(colon + 1)));
  return true;
}

bool Reader::measure() {
  const std::string coding = small(answer_.header("transfer-encoding"));
  const std::string_view length = answer_.header("content-length");
  at_ = At::body;
  left_ = 0;
  if (!coding.empty()) {
    if (coding != "chunked") return fail();
    at_ = At::chunk;
    return true;
  }
  if (answer_.status == 204 || answer_.status == 304) return true;
  const auto size = marks::number_in(length, 10);
  if (!size || *size > body_limit) return fail();
  left_ = *size;
  return true;
}

bool Reader::take(std::size_t size) {
  const std::size_t here = std::min(size, in_.size() - taken_);
  answer_.body.append(in_, taken_, here);
  taken_ += here;
  left_ = size - here;
  return left_ == 0;
}

bool Reader::read_chunk() {
  if (at_ == At::chunk && left_ > 0) {
    if (!take(left_)) return false;
    at_ = At::chunk_end;
    return true;
  }
  head_size_ = 0;
  const auto here = line();
  if (!here) return false;
  if (at_ == At::chunk_end) {
    at_ = At::chunk;
    return here->empty() || fail();
  }
  if (at_ == At::trailer) {
    if (here->empty()) at_ = At::head;
    return true;
  }
  const auto size = marks::number_in(without_blanks(here->substr(0, here->find(';'))), 16);
  if (!size || *size > body_limit - answer_.body.size()) return fail();
  left_ = *size;
  if (left_ == 0) at_ = At::trailer;
  return true;
}

}  // namespace coord::engines::http1
