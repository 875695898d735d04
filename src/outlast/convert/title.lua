-- Some readers take a document's title out of its text, and some writers leave it out:
-- it goes back to where it stood, and so does a subtitle.
function Pandoc(doc)
  for level, name in ipairs({"subtitle", "title"}) do
    local text = doc.meta[name] and pandoc.utils.stringify(doc.meta[name]) or ""
    if text ~= "" then
      doc.blocks:insert(1, pandoc.Header(3 - level, pandoc.Inlines(text)))
    end
  end
  return doc
end
