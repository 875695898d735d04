-- Some readers take a document's title out of its text, and some writers leave it out:
-- it goes back to where it stood.
function Pandoc(doc)
  local title = doc.meta.title and pandoc.utils.stringify(doc.meta.title) or ""
  if title ~= "" then
    doc.blocks:insert(1, pandoc.Header(1, pandoc.Inlines(title)))
  end
  return doc
end
