# A header as Doxygen is to read it: its first comment says what the file is, and no < begins a tag.
NR == 1 { print "/// @file" }
!past && /^\/\/ / { sub(/^\/\//, "///") }
!/^\/\// { past = 1 }
{
  at = index($0, "///")
  if (at) {
    at += substr($0, at + 3, 1) == "<" ? 4 : 3
    comment = substr($0, at)
    gsub(/</, "\\&lt;", comment)
    $0 = substr($0, 1, at - 1) comment
  }
  print
}
